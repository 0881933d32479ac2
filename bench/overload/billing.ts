import { Agent } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { postEvents } from '../api-client.ts'

/** How many requests are under way at once, as from a billing core with a pool of connections. */
const atOnce = 50

/** How long billing waits for an answer before it sends the same again. */
const patienceMs = 30_000

/** How often billing looks how late it is itself. */
const lookMs = 10

/** What became of all that billing sent. */
export interface Told {
  /** Events whose 202 has come, by id. */
  accepted: Set<string>
  /** How long each answer took, in milliseconds: 202, and 429 or 503. */
  acceptedMs: number[]
  refusedMs: number[]
  /** How late billing itself was, at its moments: what it measured as the API's may be in part its own. */
  ownDelay: { p50Ms: number; p99Ms: number }
  /** Events that were refused for now, each time that they were. */
  refusals: number
  /** Answers that should not be, and requests without an answer. */
  others: Map<string, number>
  /** Events that are still with billing when it stops: never sent, or refused. */
  left: number
}

/**
 * A billing core under a rush: events happen at a rate that does not care how we are (open loop). It sends them in
 * order, some in a request, with a bounded number of requests at once; what is refused it sends again when it was
 * told to, and what got no answer at once, under the same ids.
 *
 * @param options.next the next event that happens
 * @param options.perSecond how many happen
 */
export async function rush(options: {
  port: number
  token: string
  next: () => { id: string }
  perSecond: number
  batch: number
  seconds: number
}): Promise<Told> {
  const { next, perSecond, batch, seconds } = options
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
  const target = { port: options.port, token: options.token, agent }
  const told: Told = {
    accepted: new Set(),
    acceptedMs: [],
    refusedMs: [],
    ownDelay: { p50Ms: 0, p99Ms: 0 },
    refusals: 0,
    others: new Map(),
    left: 0,
  }
  const again: { id: string }[][] = []
  const delay = monitorEventLoopDelay({ resolution: lookMs })
  delay.enable()
  const begun = performance.now()
  const elapsed = () => (performance.now() - begun) / 1000
  let happened = 0

  /** What is sent next: first what was refused, then what has happened by now. */
  function due(): { id: string }[] | undefined {
    if (again.length > 0) return again.shift()
    if (happened + batch > elapsed() * perSecond) return undefined
    happened += batch
    return Array.from({ length: batch }, next)
  }

  async function send(events: { id: string }[]): Promise<void> {
    const since = performance.now()
    const { status, retryAfter } = await postEvents(target, JSON.stringify(events), {
      timeoutMs: patienceMs,
    }).catch(error => ({ status: `no answer (${error.code ?? error.message})`, retryAfter: 1 }))
    const ms = performance.now() - since
    if (status === 202) {
      told.acceptedMs.push(ms)
      for (const { id } of events) told.accepted.add(id)
      return
    }
    if (status === 429 || status === 503) {
      told.refusedMs.push(ms)
      told.refusals += events.length
    } else told.others.set(`${status}`, (told.others.get(`${status}`) ?? 0) + 1)
    again.push(events)
    // Whoever is told to come back later does so, and meanwhile keeps its connection from sending.
    await Promise.race([sleep(retryAfter * 1000), sleep(Math.max(0, seconds - elapsed()) * 1000)])
  }

  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (elapsed() < seconds) {
        const events = due()
        if (events) await send(events)
        else await sleep(5)
      }
    }),
  )
  agent.destroy()
  delay.disable()
  const late = (share: number) => Math.max(0, Math.round(delay.percentile(share) / 1e6) - lookMs)
  told.ownDelay = { p50Ms: late(50), p99Ms: late(99) }
  told.left = Math.round(seconds * perSecond) - told.accepted.size
  return told
}
