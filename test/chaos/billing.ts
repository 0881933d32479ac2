import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { EventInput } from '../../src/domain/events.ts'
import type { Random } from '../simulation/random.ts'
import type { Saying } from './sayings.ts'

/** What billing knows of an event that it sent. */
export interface Sent {
  event: EventInput
  /** `unknown`: it gave up without an answer, and cannot say. */
  outcome: 'under way' | 'accepted' | 'unknown' | 'refused'
  /** What the answers said: more than one where it was sent again. */
  answers: string[][]
  refusal?: string
  /** When it was first sent and when it was accepted, in milliseconds since 1970. */
  sentAt: number
  acceptedAt?: number
}

export type Billing = ReturnType<typeof createBilling>

/** One answer may take so long; as in src/client.ts. */
const patienceMs = 15_000

/** So often it looks for something to say. */
const mostThoughts = 10

/** Requests at once: what is more waits with billing. */
const senders = 64

/**
 * A billing core that sends its events over HTTP to several APIs: what was refused for now, or not answered, is sent
 * again to the next one, under the same id; now and then also what was accepted already. It writes down what it was
 * told.
 */
export function createBilling(options: {
  urls: readonly string[]
  token: string
  random: Random
  next: () => Saying
  perSecond: number
}) {
  const { urls, token, random, next, perSecond } = options
  const account: Sent[] = []
  /** How much of what was said of a service may still be on its way; what was given up may be so forever. */
  const unheard = new Map<string, number>()
  const resent = { 'without an answer': 0, 'after 429': 0, 'after 5xx': 0, 'for safety': 0 }
  let underWay = 0
  let isOver = false
  let turn = 0
  const atOnce = pLimit(senders)
  const speaking = speak()

  async function speak(): Promise<void> {
    const begun = performance.now()
    for (let said = 0; !isOver; said++) {
      await sleep(Math.max(0, begun + (said * 1_000) / perSecond - performance.now()))
      underWay += 1
      saySomething().finally(() => {
        underWay -= 1
      })
    }
  }

  /** What cannot be said just now, since the service has no address yet, makes way for something else. */
  async function saySomething(): Promise<void> {
    for (let tries = 0; tries < mostThoughts && !isOver; tries++) {
      const event = await eventOf(next())
      if (event !== undefined) return send(event)
    }
  }

  async function eventOf(saying: Saying): Promise<EventInput | undefined> {
    if ('event' in saying) return saying.event
    const { about, whenHeard = false } = saying
    if (whenHeard && unheard.has(about)) return undefined
    const address = await addressOf(about)
    // Meanwhile it may have said something else.
    if (address === undefined || (whenHeard && unheard.has(about))) return undefined
    return saying.say(address)
  }

  /** An address that the service has; undefined where it has none, or nobody answers. */
  async function addressOf(service: string): Promise<string | undefined> {
    try {
      const { body } = await ask('GET', `/services/${service}`)
      const { addresses = [] } = body as { addresses?: { address: string; state: string }[] }
      const active = addresses.filter(({ state }) => state === 'active')
      return active.length === 0 ? undefined : random.pick(active).address
    } catch {
      return undefined
    }
  }

  function ask(method: string, path: string, body?: unknown): Promise<{ answer: Response; body: unknown }> {
    turn += 1
    const url = `${urls[turn % urls.length]}/api/v1${path}`
    return atOnce(async () => {
      const answer = await fetch(url, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(patienceMs),
      })
      return { answer, body: await answer.json() }
    })
  }

  async function send(event: EventInput): Promise<void> {
    const sent: Sent = { event, outcome: 'under way', answers: [], sentAt: Date.now() }
    account.push(sent)
    const service = serviceOf(event)
    unheard.set(service, (unheard.get(service) ?? 0) + 1)
    // Billing may die too, but what it cannot do without, it sends for as long as it takes.
    const mayGiveUp = event.type !== 'service.created' && random.chance(0.02)
    for (let tries = 1; sent.outcome === 'under way'; tries++) {
      const said = await once(sent)
      if (said === undefined) break
      resent[said.why] += 1
      if (mayGiveUp) sent.outcome = 'unknown'
      else await sleep(said.afterMs ?? Math.min(250 * 2 ** tries, 3_000) * (0.5 + random.next()))
    }
    if (sent.outcome === 'accepted') isHeard(service)
    if (sent.outcome === 'accepted' && random.chance(0.05)) {
      resent['for safety'] += 1
      await sleep(random.int(3_000))
      await once(sent)
    }
  }

  function isHeard(service: string): void {
    const rest = (unheard.get(service) ?? 0) - 1
    if (rest > 0) unheard.set(service, rest)
    else unheard.delete(service)
  }

  /** Sends it once. @returns why it has to be sent again, if so */
  async function once(sent: Sent): Promise<{ why: keyof typeof resent; afterMs?: number } | undefined> {
    try {
      const { answer, body } = await ask('POST', '/events', sent.event)
      const { events, code } = body as { events?: { operations: string[] }[]; code?: string }
      if (answer.ok) {
        sent.answers.push(events?.[0]?.operations ?? [])
        sent.acceptedAt ??= Date.now()
        sent.outcome = 'accepted'
        return undefined
      }
      const afterMs = Number(answer.headers.get('retry-after')) * 1_000 || 1_000
      if (answer.status === 429) return { why: 'after 429', afterMs }
      if (answer.status >= 500) return { why: 'after 5xx', afterMs }
      sent.outcome = 'refused'
      sent.refusal = `${answer.status} ${code}`
      return undefined
    } catch {
      return { why: 'without an answer' }
    }
  }

  return {
    account: account as readonly Sent[],
    resent: resent as Readonly<typeof resent>,
    get underWay() {
      return underWay
    },
    /** Says nothing new any more. */
    async finish(): Promise<void> {
      isOver = true
      await speaking
    },
  }
}

function serviceOf({ data }: EventInput): string {
  const { service } = data as { service: string | { id: string } }
  return typeof service === 'string' ? service : service.id
}
