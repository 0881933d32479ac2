import { setMaxListeners } from 'node:events'
import type { ClaimedDelivery, Deliveries } from '../db/deliveries.ts'
import { outgoingEvent } from '../domain/delivery.ts'
import type { Log } from '../log.ts'
import type { Sender } from './webhook.ts'

/** Carries the outbox to whoever subscribed. */
export interface Deliverer {
  /** One round: everything that is due by now, and what becomes due on the way. */
  round(): Promise<void>
  start(): void
  stop(): Promise<void>
}

/** So many messages are under way to one subscriber at once; a slow one holds up nobody else. */
const atOnce = 10
const pruneEveryMs = 3_600_000
const keepDays = 30

/** @param options.senders how each kind of subscriber is told */
export function createDeliverer(options: {
  deliveries: Deliveries
  senders: Record<string, Sender>
  log: Log
  intervalMs?: number
  random?: () => number
}): Deliverer {
  const { deliveries, senders, log, intervalMs = 1_000, random = Math.random } = options
  const lanes = new Map<string, Promise<void>>()
  let abort = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<unknown> = Promise.resolve()
  let pruneAt = 0

  async function deliver(delivery: ClaimedDelivery): Promise<void> {
    const { subscriber } = delivery
    const begun = performance.now()
    const send = senders[subscriber.kind]
    const result = send
      ? await send(subscriber, outgoingEvent(delivery), abort.signal)
      : { outcome: 'failed' as const, detail: `nobody knows how to tell a ${subscriber.kind}` }
    // Cut off by our own stopping: the lease runs out, and another worker sends it again under the same id.
    if (abort.signal.aborted && result.outcome !== 'delivered') return
    await deliveries.record(delivery, result, performance.now() - begun, random())
    if (result.outcome !== 'delivered') {
      const { id, type, attempts } = delivery
      log.info(
        { delivery: `${id}`, subscriber: subscriber.name, type, attempts, ...result },
        'a message did not arrive',
      )
    }
  }

  /** Sends to one subscriber until nothing more is due. */
  async function serve(subscriber: string): Promise<void> {
    const underWay = new Set<Promise<void>>()
    for (;;) {
      const claimed = abort.signal.aborted ? [] : await deliveries.claim(subscriber, atOnce - underWay.size)
      for (const delivery of claimed) {
        const sending: Promise<void> = deliver(delivery)
          .catch(error => log.warn({ err: error, subscriber: delivery.subscriber.name }, 'deliverer'))
          .finally(() => underWay.delete(sending))
        underWay.add(sending)
      }
      if (underWay.size === 0) return
      await Promise.race(underWay)
    }
  }

  async function look(): Promise<void> {
    const now = performance.now()
    if (now > pruneAt) {
      pruneAt = now + pruneEveryMs
      await deliveries.prune(keepDays)
    }
    for (const subscriber of await deliveries.fanOut()) {
      if (lanes.has(subscriber)) continue
      const lane = serve(subscriber)
        .catch(error => log.warn({ err: error }, 'deliverer'))
        .finally(() => lanes.delete(subscriber))
      lanes.set(subscriber, lane)
    }
  }

  function schedule(): void {
    if (abort.signal.aborted) return
    timer = setTimeout(() => {
      looking = look()
        .catch(error => log.warn({ err: error }, 'deliverer'))
        .finally(schedule)
    }, intervalMs)
  }

  return {
    async round() {
      await look()
      await Promise.all(lanes.values())
    },
    start() {
      abort = new AbortController()
      // Everything that is under way listens to it.
      setMaxListeners(0, abort.signal)
      schedule()
    },
    async stop() {
      abort.abort()
      clearTimeout(timer)
      await looking
      await Promise.all(lanes.values())
    },
  }
}
