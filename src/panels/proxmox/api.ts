import type { z } from 'zod'
import { IpbridgeError } from '../../errors.ts'
import type { HttpClient, HttpRequest } from '../../http/client.ts'
import { noAnswer } from '../../http/failures.ts'
import { faultOf } from './fault.ts'
import { createSession, type Headers, type Ticket } from './session.ts'
import { ticketAnswer } from './shapes.ts'

export type Params = Record<string, string>

/** A path below `/api2/json/`, as its parts: each is percent-encoded. */
export type Path = (string | number)[]

export type Api = ReturnType<typeof createApi>

/**
 * The REST interface of Proxmox VE 2 and later (facts: Proxmox VE API, transport and sign-in). Bodies are forms, which
 * every version takes; the parameters of a DELETE go into the query, since its body is not read.
 */
export function createApi(http: HttpClient, account: { login: string; password: string }) {
  const { target } = http
  const session = createSession(account, enter)

  async function exchange(
    method: NonNullable<HttpRequest['method']>,
    path: Path,
    { params = {}, headers, changes }: { params?: Params; headers?: Headers; changes: boolean },
    signal: AbortSignal,
  ): Promise<{ data: unknown; unauthorised?: undefined } | { data?: undefined; unauthorised: Error }> {
    const place = path.map(part => encodeURIComponent(part)).join('/')
    const inQuery = method === 'GET' || method === 'DELETE'
    const answer = await http.send(
      {
        method,
        path: place,
        ...(inQuery ? { query: params } : { form: params }),
        ...(headers ? { headers } : {}),
        changes,
        accepts: () => true,
      },
      signal,
    )
    const { status, text } = answer
    if (status >= 200 && status < 300) return { data: dataOf(text, `${method} /${place}`, changes) }
    const hide = [...session.secrets, ...secretsOf(params)]
    const fault = faultOf(target, answer, { what: `${method} /${place}`, changes, hide })
    if (status === 401) return { unauthorised: fault }
    throw fault
  }

  function dataOf(text: string, what: string, changes: boolean): unknown {
    try {
      const body: unknown = JSON.parse(text)
      if (typeof body === 'object' && body !== null && 'data' in body) return body.data
    } catch {
      // Falls through: neither is an answer of Proxmox VE.
    }
    throw noAnswer(
      target,
      `its answer to ${what} is not one of Proxmox VE (${text === '' ? 'empty' : 'unreadable'})`,
      changes,
    )
  }

  async function enter(): Promise<Ticket> {
    // Shared by all who wait for it, so no single caller can call it off; the time-outs of HTTP bound it.
    const { signal } = new AbortController()
    const { login: username, password } = account
    const path = ['access', 'ticket']
    const answer = await exchange('POST', path, { params: { username, password }, changes: false }, signal)
    if (answer.unauthorised) throw answer.unauthorised
    const { ticket, CSRFPreventionToken: csrf } = read(ticketAnswer, answer.data, 'the sign-in')
    if (ticket.startsWith('PVE:!tfa!')) {
      const why = `asks ${username} for a second factor; use an API token, or a login without one`
      throw new IpbridgeError('bad_credentials', `${target.whom} ${why}`)
    }
    return { ticket, csrf }
  }

  async function call(
    method: NonNullable<HttpRequest['method']>,
    path: Path,
    params: Params,
    signal: AbortSignal,
  ): Promise<unknown> {
    const changes = method !== 'GET'
    for (let renewed = false; ; renewed = true) {
      signal.throwIfAborted()
      const headers = await session.headers(changes)
      const answer = await exchange(method, path, { params, headers, changes }, signal)
      if (!answer.unauthorised) return answer.data
      if (renewed || !(await session.ended(headers))) throw answer.unauthorised
    }
  }

  /** @throws panel_unavailable where the data has another shape than it should */
  function read<T>(schema: z.ZodType<T>, data: unknown, what: string): T {
    const { success, data: value } = schema.safeParse(data)
    if (success) return value
    throw noAnswer(target, `its answer to ${what} does not have the form that it should`, false)
  }

  return {
    target,
    whom: target.whom,
    login: account.login,

    async get<T>(schema: z.ZodType<T>, path: Path, signal: AbortSignal, params: Params = {}): Promise<T> {
      return read(schema, await call('GET', path, params, signal), `GET /${path.join('/')}`)
    },

    /** A change. @returns the data of the answer: for what takes its time the id of a task, else null */
    change: (method: 'POST' | 'PUT' | 'DELETE', path: Path, params: Params, signal: AbortSignal) =>
      call(method, path, params, signal),
  }
}

/** Passwords that are passed through to a new guest. */
function secretsOf(params: Params): string[] {
  return Object.entries(params).flatMap(([key, value]) =>
    /passw|secret|token/i.test(key) && value.length > 2 ? value : [],
  )
}
