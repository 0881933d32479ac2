import type { EventInput } from '../../src/domain/events.ts'
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
  /** What we said that we had taken in. */
  const acknowledged: { id: string; operations: string[] }[] = []

  /** As the transaction in src/intake/intake.ts: look, lock, read, decide, write. */
  async function store(input: EventInput): Promise<Decided> {
    const parsed = parseEvent(input, new Date(scheduler.now()))
    if ('faults' in parsed) throw new Error(`a bad event: ${JSON.stringify(parsed.faults)}`)
    const events = [parsed.event]
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
      if (decided.changes) inbox.save(decided.changes)
      return decided
    } finally {
      for (const id of ids) locked.delete(id)
    }
  }

  /** Sends an event until it has heard that it was taken in. */
  async function send(event: EventInput): Promise<void> {
    for (;;) {
      await scheduler.turn(random.next() * 20)
      try {
        if (random.chance(world.weather.ledgerAway)) throw new Error('away')
        const { results, announcements } = await store(event)
        const [result] = results
        if (result instanceof IpbridgeError) {
          world.tell('billing', `sends ${event.type} ${event.id}: refused, ${result.message}`)
          return
        }
        void queue.announce(announcements)
        world.tell('billing', () => `sends ${describe(event)}: ${result?.[0]?.status}`)
        if (random.chance(world.weather.ledgerLost)) throw new Error('the answer was lost')
        acknowledged.push({ id: event.id, operations: result?.[0]?.operations ?? [] })
        return
      } catch (error) {
        if (error instanceof TypeError) throw error
        await scheduler.turn(error instanceof UniqueViolation ? 1 : 3_000)
      }
    }
  }

  return { send, acknowledged }
}

function isKnown<T>(entry: readonly [string, T | undefined]): entry is readonly [string, T] {
  return entry[1] !== undefined
}

function describe({ type, id, time, data }: EventInput): string {
  return `${type} ${id} of ${time} ${JSON.stringify(data)}`
}
