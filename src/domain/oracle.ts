import type { BillingEvent } from './events.ts'
import type { AssignmentRecord } from './invariants.ts'
import { mainSlot, orderSlot } from './service-state.ts'
import { isLater, type Stamp } from './stamp.ts'
import type { ServiceLife } from './states.ts'

/** What billing's events, taken together, want of a service. */
export interface Wanted {
  state: ServiceLife
  /** As `main IPv4`. */
  slots: Set<string>
}

/**
 * Works out from the whole history what the planner, which sees one event at a time, must have arrived at: a
 * slot is wanted when the latest event that entitles to it is later than all that take it away. Written
 * without the planner's help, so that it can judge it.
 *
 * @param assignments tell which slot had the address that a cancellation names
 */
export function wantedSlots(
  events: readonly BillingEvent[],
  assignments: readonly AssignmentRecord[],
): Map<string, Wanted> {
  const services = new Map<string, BillingEvent[]>()
  for (const event of events) {
    const service = serviceOf(event)
    if (service !== undefined) services.set(service, [...(services.get(service) ?? []), event])
  }
  return new Map(
    [...services].map(([id, history]) => [
      id,
      wantedOf(
        history,
        assignments.filter(a => a.service === id),
      ),
    ]),
  )
}

function wantedOf(history: BillingEvent[], assignments: AssignmentRecord[]): Wanted {
  const deleted = latestOf(history.filter(event => event.type === 'service.deleted'))
  const creations = history.filter(event => event.type === 'service.created')
  const living = creations.filter(event => !isLater(deleted, stamp(event)))
  const slots = new Set<string>()
  const orders = history.filter(event => event.type === 'ip.ordered' && !isLater(deleted, stamp(event)))
  for (const { slot } of [...living, ...orders].flatMap(slotsOf)) slots.add(slot)
  for (const slot of [...slots]) {
    if (isCancelled(slot, history, assignments)) slots.delete(slot)
  }
  if (living.length > 0) return { state: 'active', slots }
  return { state: deleted === undefined ? 'expected' : 'deleted', slots }
}

/** Whether a cancellation is later than every event that entitles to the slot. */
function isCancelled(slot: string, history: BillingEvent[], assignments: AssignmentRecord[]): boolean {
  const entitling = history.filter(event => slotsOf(event).some(entitled => entitled.slot === slot))
  const addresses = new Set([
    ...entitling.flatMap(slotsOf).flatMap(entitled => (entitled.slot === slot ? entitled.requested : [])),
    ...assignments.filter(a => `${a.slot} IPv${a.family}` === slot).map(a => a.address ?? a.requested),
  ])
  const cancelled = history.filter(event => concerns(event, slot, addresses))
  return isLater(latestOf(cancelled), latestOf(entitling))
}

function concerns(event: BillingEvent, slot: string, addresses: ReadonlySet<unknown>): boolean {
  if (event.type !== 'ip.cancelled') return false
  const { order, address } = event.data
  return order === undefined ? addresses.has(address) : slot.startsWith(`order:${order}/`)
}

/** What an event entitles to, and the address that it wants there and no other. */
function slotsOf(event: BillingEvent): { slot: string; requested: string | undefined }[] {
  if (event.type === 'ip.ordered') {
    const { order, family, count, requested } = event.data
    const named = (n: number) => `${orderSlot(order, n)} ${version(family)}`
    return Array.from({ length: count }, (_, n) => ({ slot: named(n + 1), requested }))
  }
  if (event.type !== 'service.created') return []
  const counted = { ipv4: 0, ipv6: 0 }
  return (event.data.addresses ?? [{ family: 'ipv4' as const, count: 1, requested: undefined }]).flatMap(
    ({ family, count, requested }) =>
      Array.from({ length: count }, () => {
        counted[family] += 1
        return { slot: `${mainSlot(counted[family])} ${version(family)}`, requested }
      }),
  )
}

function version(family: 'ipv4' | 'ipv6'): string {
  return family === 'ipv6' ? 'IPv6' : 'IPv4'
}

function latestOf(events: BillingEvent[]): Stamp | undefined {
  return events
    .map(stamp)
    .reduce<Stamp | undefined>((last, next) => (isLater(next, last) ? next : last), undefined)
}

function stamp(event: BillingEvent): Stamp {
  return {
    t: event.time.getTime(),
    ...(event.sequence === undefined ? {} : { q: event.sequence }),
    s: event.source,
  }
}

function serviceOf(event: BillingEvent): string | undefined {
  return event.type === 'service.created' ? event.data.service.id : event.data.service
}
