import type { Resolution } from '../../src/domain/conflict.ts'
import type { EventInput } from '../../src/domain/events.ts'
import { events } from '../helpers/events.ts'
import type { Random } from './random.ts'

/** Something that happens to the world, each at its time. Any of them can be left out, and the others stay as they are. */
export type Happening =
  | { at: number; kind: 'event'; event: EventInput }
  /** A PTR change or cancellation of an address that the service has by then. */
  | { at: number; kind: 'about an address'; id: string; service: string; nth: number; ptr?: string | null }
  /** A client names an address of its service, at the desk. */
  | { at: number; kind: 'client'; id: string; service: string; nth: number; ptr: string | null }
  | { at: number; kind: 'freeze' | 'cut off'; worker: number; ms: number }
  | { at: number; kind: 'kill' | 'stop'; worker: number }
  /** Everything is stopped, and started again later. */
  | { at: number; kind: 'stop all'; ms: number }
  | { at: number; kind: 'flush' }
  | { at: number; kind: 'retry' | 'cancel'; nth: number }
  | { at: number; kind: 'decide'; nth: number; resolution: Resolution }
  | { at: number; kind: 'reconcile' | 'apply' }
  | { at: number; kind: 'meddle'; what: Meddling; nth: number }

/** What people do by hand at the IPAM or at a panel, behind our back. */
export const meddlings = ['remove', 'rename', 'unmark', 'orphan', 'stray', 'take off'] as const
export type Meddling = (typeof meddlings)[number]

const minute = 60_000
const families = ['ipv4', 'ipv6'] as const

/** When the story begins, as test/helpers/events.ts counts. */
export const beginning = Date.UTC(2026, 0, 1)

/**
 * What happens in one history: billing's events, of which some come late, twice or out of order, and what befalls
 * workers and queue.
 * @param count how many events billing sends
 */
export function writeScript(random: Random, count: number): Happening[] {
  const services = Array.from({ length: 4 + random.int(12) }, (_, n) => `s${n}`)
  // Events come in bursts or at leisure.
  const lengthMs = random.pick([2, 10, 40]) * minute
  const delayMs = random.pick([0, 1_000, 60_000])
  // Where people work at the IPAM by hand, too.
  const meddlesome = random.chance(0.3) ? 6 : 0
  const script: Happening[] = []

  for (let n = 0; n < count; n++) {
    const said = random.next() * lengthMs
    const late = random.chance(0.3) ? random.next() * delayMs : 0
    const happening = say(n, said, random.pick(services))
    script.push({ ...happening, at: said + late })
    if (random.chance(0.1)) script.push({ ...happening, at: said + late + random.next() * delayMs * 2 })
  }

  const troubles = random.int(60)
  for (let n = 0; n < troubles; n++) script.push(trouble(n, random.next() * lengthMs))
  return script.sort((a, b) => a.at - b.at)

  function say(n: number, said: number, service: string): Happening {
    const common = { id: `e${n}`, at: Math.floor(said) / minute }
    const domain = `${service}-${random.int(3)}.example.net`
    const event = (event: EventInput): Happening => ({ at: 0, kind: 'event', event })
    switch (
      random.weighted({
        created: 30,
        ordered: 20,
        cancelled: 12,
        deleted: 10,
        renamed: 15,
        licence: 2,
        byAddress: 5,
      })
    ) {
      case 'created': {
        const server = random.weighted({ node1: 8, node2: 2, node3: 1 })
        const form = random.weighted({ one: 5, two: 2, dual: 2, six: 1 })
        const addresses = {
          one: undefined,
          two: [{ family: 'ipv4' as const, count: 2 }],
          dual: [{ family: 'ipv4' as const }, { family: 'ipv6' as const }],
          six: [{ family: 'ipv6' as const, count: 2 }],
        }[form]
        return event(
          events.created({ id: service, domain, server }, { ...common, ...(addresses ? { addresses } : {}) }),
        )
      }
      case 'licence': {
        const addresses = [{ family: 'ipv4' as const, requested: `10.0.0.${1 + random.int(20)}` }]
        return event(events.created({ id: `${service}-licence`, kind: 'license' }, { ...common, addresses }))
      }
      case 'ordered': {
        const wanted = random.chance(0.1)
          ? { requested: `10.0.0.${1 + random.int(30)}` }
          : { count: 1 + random.int(2), family: random.pick(families) }
        return event(events.ordered(service, `o${random.int(3)}`, { ...common, ...wanted }))
      }
      case 'cancelled':
        return event(events.cancelled(service, { order: `o${random.int(3)}` }, common))
      case 'deleted':
        return event(events.deleted(service, common))
      case 'renamed': {
        const ptr = random.chance(0.2) ? null : `mail-${random.int(5)}.${service}.example.org`
        return { at: 0, kind: 'about an address', id: `e${n}`, service, nth: random.int(4), ptr }
      }
      case 'byAddress':
        return { at: 0, kind: 'about an address', id: `e${n}`, service, nth: random.int(4) }
    }
  }

  function trouble(n: number, at: number): Happening {
    const worker = random.int(3)
    const nth = random.int(1_000)
    switch (
      random.weighted({
        freeze: 10,
        cut: 3,
        kill: 3,
        stop: 1,
        stopAll: 1,
        flush: 2,
        retry: 3,
        cancel: 2,
        decide: 3,
        reconcile: 3,
        apply: 2,
        client: 2,
        meddle: meddlesome,
      })
    ) {
      case 'freeze':
        return { at, kind: 'freeze', worker, ms: random.pick([500, 2_000, 10_000, 40_000, 120_000]) }
      case 'cut':
        return { at, kind: 'cut off', worker, ms: random.pick([5_000, 45_000, 90_000]) }
      case 'kill':
        return { at, kind: 'kill', worker }
      case 'stop':
        return { at, kind: 'stop', worker }
      case 'stopAll':
        return { at, kind: 'stop all', ms: random.pick([5_000, 60_000]) }
      case 'flush':
        return { at, kind: 'flush' }
      case 'retry':
        return { at, kind: 'retry', nth }
      case 'cancel':
        return { at, kind: 'cancel', nth }
      case 'decide':
        return { at, kind: 'decide', nth, resolution: random.pick(['holder', 'claimant', 'free']) }
      case 'reconcile':
        return { at, kind: 'reconcile' }
      case 'apply':
        return { at, kind: 'apply' }
      case 'client': {
        const service = random.pick(services)
        return { at, kind: 'client', id: `c${n}`, service, nth, ptr: `client-${n}.${service}.example.com` }
      }
      case 'meddle':
        return { at, kind: 'meddle', what: random.pick(meddlings), nth }
    }
  }
}
