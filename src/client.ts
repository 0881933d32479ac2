/** Extra fields may appear; these stay (docs/reference/api.md). */
export interface Address {
  address: string | null
  family: 'ipv4' | 'ipv6'
  service: string
  slot: string
  state: 'pending' | 'reserved' | 'active' | 'releasing' | 'released'
  ptr: string | null
  server: string | null
  connection: string | null
}

export interface AddressWanted {
  family: 'ipv4' | 'ipv6'
  count?: number
  /** Default: the service's domain; null: no PTR. */
  ptr?: string | null
  requested?: string
  pool?: string
}

/** What each type of event says. */
export interface EventData {
  'service.created': {
    service: {
      id: string
      kind: string
      client: string
      domain: string
      server: string
      guest?: string
      setup?: Record<string, unknown>
    }
    /** Default: one IPv4 address. */
    addresses?: AddressWanted[]
  }
  'ip.ordered': AddressWanted & { service: string; order: string }
  'ip.cancelled': { service: string; order: string } | { service: string; address: string }
  'service.deleted': { service: string }
  'ptr.changed': { address: string; ptr: string | null; service?: string }
}

export type EventType = keyof EventData

/** A CloudEvent as ipbridge takes it. */
export type BillingEvent = {
  [T in EventType]: {
    specversion: '1.0'
    id: string
    source: string
    type: T
    time?: string
    sequence?: string | number
    data: EventData[T]
  }
}[EventType]

export interface Outcome {
  source: string
  id: string
  status: 'accepted' | 'duplicate' | 'superseded'
  operations: string[]
  /** Only when it was waited for. */
  state?: string
  addresses?: Address[]
  errors?: { operation: string; code: string; message: string }[]
}

export interface Receipt {
  accepted: number
  duplicates: number
  events: Outcome[]
}

export interface ClientOptions {
  /** Where ipbridge's API is, such as `https://ipbridge.example.net`. */
  url: string
  /** A token of the role `billing`. */
  token: string
  /** How often a request whose answer was lost, or that was refused for now, is sent in all. Default: 4. */
  tries?: number
  /** How long one try may take, in milliseconds, beyond what it is told to wait. Default: 15000. */
  timeoutMs?: number
}

export interface SendOptions {
  /** Wait so many seconds, 1 to 60, for the addresses. */
  wait?: number
  signal?: AbortSignal
}

/** ipbridge refused, or could not be reached. */
export class IpbridgeProblem extends Error {
  override name = 'IpbridgeProblem'
  /** The stable code (docs/reference/errors.md), or `unreachable`. */
  readonly code: string
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number
  /** What was wrong with which field, as JSON pointers. */
  readonly errors: { pointer: string; message: string }[]

  constructor(code: string, status: number, message: string, errors: IpbridgeProblem['errors'] = []) {
    super(message)
    this.code = code
    this.status = status
    this.errors = errors
  }
}

export type Client = ReturnType<typeof createClient>

/** Makes an event: with an id of its own and the present time, unless they are given. */
export function event<T extends EventType>(
  type: T,
  source: string,
  data: EventData[T],
  more: { id?: string; time?: string; sequence?: string | number } = {},
): Extract<BillingEvent, { type: T }> {
  const made = { specversion: '1.0', id: crypto.randomUUID(), source, type, time: new Date().toISOString() }
  return { ...made, ...more, data } as Extract<BillingEvent, { type: T }>
}

/**
 * Talks to ipbridge from a billing core. A request whose answer was lost is sent again: events keep their ids, so
 * that repeats change nothing.
 */
export function createClient({ url, token, tries = 4, timeoutMs = 15_000 }: ClientOptions) {
  const base = url.replace(/\/+$/, '')

  async function attempt(
    method: string,
    path: string,
    body: unknown,
    options: SendOptions,
  ): Promise<Response> {
    const late = AbortSignal.timeout(timeoutMs + (options.wait ?? 0) * 1000)
    return fetch(`${base}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: options.signal ? AbortSignal.any([late, options.signal]) : late,
    })
  }

  async function call<T>(
    method: string,
    path: string,
    body?: unknown,
    options: SendOptions = {},
  ): Promise<T> {
    for (let made = 1; ; made++) {
      const result = await attempt(method, path, body, options).then(read<T>, toProblem)
      if (!(result instanceof Refusal)) return result
      options.signal?.throwIfAborted()
      if (!result.heals || made >= tries) throw result.problem
      await pause(result.retryAfterMs ?? 250 * 2 ** made, options.signal)
    }
  }

  return {
    /** Sends one event, or several of which all or none are taken in. @throws IpbridgeProblem */
    send(events: BillingEvent | BillingEvent[], options: SendOptions = {}): Promise<Receipt> {
      const query = options.wait === undefined ? '' : `?wait=${options.wait}`
      return call('POST', `/events${query}`, events, options)
    },

    /** @returns undefined for a service that ipbridge does not know */
    service(
      id: string,
      options: SendOptions = {},
    ): Promise<{ id: string; addresses: Address[] } | undefined> {
      return orNothing(call('GET', `/services/${encodeURIComponent(id)}`, undefined, options))
    },

    /** Who has an address. @returns undefined for one that nobody ever had */
    address(address: string, options: SendOptions = {}): Promise<Address | undefined> {
      return orNothing(call('GET', `/addresses/${encodeURIComponent(address)}`, undefined, options))
    },

    operation(id: string, options: SendOptions = {}): Promise<{ id: string; kind: string; state: string }> {
      return call('GET', `/operations/${encodeURIComponent(id)}`, undefined, options)
    },
  }
}

class Refusal {
  readonly problem: IpbridgeProblem
  readonly heals: boolean
  readonly retryAfterMs: number | undefined
  constructor(problem: IpbridgeProblem, heals: boolean, retryAfterMs?: number) {
    this.problem = problem
    this.heals = heals
    this.retryAfterMs = retryAfterMs
  }
}

async function read<T>(response: Response): Promise<T | Refusal> {
  const text = await response.text().catch(() => '')
  const body = parsed(text)
  if (response.ok && body !== undefined) return body as T
  const { code, detail, errors } = (body ?? {}) as {
    code?: string
    detail?: string
    errors?: IpbridgeProblem['errors']
  }
  const message = detail ?? `ipbridge answered ${response.status}`
  const problem = new IpbridgeProblem(code ?? 'unreachable', response.status, message, errors)
  const heals = response.ok || response.status >= 500 || response.status === 429
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  return new Refusal(problem, heals, Number.isFinite(retryAfter) ? retryAfter * 1000 : undefined)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function toProblem(error: unknown): Refusal {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const message = cause instanceof Error ? cause.message : String(cause)
  return new Refusal(new IpbridgeProblem('unreachable', 0, `ipbridge cannot be reached: ${message}`), true)
}

async function orNothing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (error instanceof IpbridgeProblem && error.status === 404) return undefined
    throw error
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      if (signal?.aborted) reject(signal.reason)
      else resolve()
    }
  })
}
