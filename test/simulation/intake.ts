import type { BillingEvent, EventInput } from '../../src/domain/events.ts'
import { parseEvent } from '../../src/domain/parse-event.ts'
import { IpbridgeError } from '../../src/errors.ts'
import {
  addressWithoutService,
  type Decided,
  decide,
  serversOf,
  servicesOf,
} from '../../src/intake/decide.ts'
import type { InboxTable } from './inbox.ts'
import type { World } from './outside.ts'
import type { SimulatedQueue } from './queue.ts'
import type { Tables } from './tables.ts'
import { UniqueViolation } from './tables.ts'
import { limitedServer } from './worker.ts'

const grounds = new Map(
  ['node1', 'node2', limitedServer].map(name => [
    name,
    { connection: 'ipam', pools: name === limitedServer ? ['other'] : null },
  ]),
)

export type SimulatedBilling = ReturnType<typeof simulatedBilling>

/** Billing, and the door through which its events come: the real decisions, stored in one simulated transaction. */
export function simulatedBilling(
  world: World,
  parts: { tables: Tables; inbox: InboxTable; queue: SimulatedQueue },
) {
  const { scheduler, random } = world
  const { tables, inbox, queue } = parts
  const locked = new Set<string>()
  /** As the transaction in src/intake/intake.ts: look, lock, read, decide, write. */
  async function store(input: EventInput): Promise<Decided> {
    const parsed = parseEvent(input, new Date(scheduler.now()))
    if ('faults' in parsed) throw new Error(`a bad event: ${JSON.stringify(parsed.faults)}`)
    const events = [
      world.defect === 'events count in the order of delivery'
        ? timeless(parsed.event, scheduler.now())
        : parsed.event,
    ]
    const known = events.flatMap(({ source, id }) => inbox.findEvent(source, id) ?? [])
    const owners = new Map(
      events.flatMap(addressWithoutService).flatMap(address => {
        const owner = inbox.servicesAt(address)
        return owner === undefined ? [] : [[address, owner] as const]
      }),
    )
    await scheduler.turn(random.next() * 3)
    const ids = servicesOf(events, owners).filter(id => tables.services.has(id))
    while (ids.some(id => locked.has(id))) await scheduler.turn(1)
    for (const id of ids) locked.add(id)
    try {
      const services = new Map(ids.flatMap(id => [[id, inbox.load(id)] as const]).filter(isKnown))
      await scheduler.turn(random.next() * 10)
      const servers = new Map([...grounds].filter(([name]) => serversOf(events, services).includes(name)))
      const decided = decide([{ events, via: 'http' }], { known, owners, services, servers }, tables.newId)
      for (const stored of decided.changes?.events ?? []) stored.time = parsed.event.time
      const isForgotten = world.defect === 'accepted before it is stored' && random.chance(0.01)
      if (decided.changes && !isForgotten) inbox.save(decided.changes)
      return decided
    } finally {
      for (const id of ids) locked.delete(id)
    }
  }

  /** Tries once; without an answer it waits before it tries again. @returns whether an answer came */
  async function ask(event: EventInput, pauseMs = 3_000): Promise<boolean> {
    const { source, id } = event
    const answered = (answer: 'ok' | 'failed' | 'unknown', operations: string[] = []) =>
      world.see({ kind: 'event', at: scheduler.now(), source, id, answer, operations })
    try {
      if (world.offUntil > scheduler.now() || random.chance(world.weather.ledgerAway)) throw new Error('away')
      const { results, announcements } = await store(event)
      const [result] = results
      if (result instanceof IpbridgeError) {
        world.tell('billing', `sends ${event.type} ${event.id}: refused, ${result.message}`)
        answered('failed')
        return true
      }
      void queue.announce(announcements)
      const [receipt] = result ?? []
      world.tell('billing', () => `sends ${describe(event)}: ${receipt?.status}`)
      world.count(`events ${receipt?.status}`)
      if (random.chance(world.weather.ledgerLost)) throw new Error('the answer was lost')
      answered('ok', receipt?.operations)
      return true
    } catch (error) {
      if (error instanceof TypeError) throw error
      answered('unknown')
      world.count('events whose answer was lost or that could not be taken in')
      await scheduler.turn(error instanceof UniqueViolation ? 1 : pauseMs * (0.5 + random.next()))
      return false
    }
  }

  return {
    ask,

    /** Sends an event until it has heard that it was taken in, less and less often. */
    async send(event: EventInput): Promise<void> {
      for (let pauseMs = 3_000; !(await ask(event, pauseMs)); ) pauseMs = Math.min(pauseMs * 2, 24_000)
    },
  }
}

/** The event as a build sees it that does not care when something was said. */
function timeless(event: BillingEvent, now: number): BillingEvent {
  const { sequence: _, ...rest } = event
  return { ...rest, time: new Date(now), undated: true } as BillingEvent
}

function isKnown<T>(entry: readonly [string, T | undefined]): entry is readonly [string, T] {
  return entry[1] !== undefined
}

function describe({ type, id, time, data }: EventInput): string {
  return `${type} ${id} of ${time} ${JSON.stringify(data)}`
}
