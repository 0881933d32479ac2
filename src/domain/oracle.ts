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
  for (const event of living) for (const slot of mainSlots(event)) slots.add(slot)
  for (const event of history) {
    if (event.type !== 'ip.ordered' || isLater(deleted, stamp(event))) continue
    const { order, family, count } = event.data
    for (let n = 1; n <= count; n++) slots.add(`${orderSlot(order, n)} ${version(family)}`)
  }
  for (const slot of [...slots]) {
    if (isCancelled(slot, history, assignments)) slots.delete(slot)
  }
  if (living.length > 0) return { state: 'active', slots }
  return {
    state: deleted === undefined ? 'expected' : 'deleted',
    slots: deleted === undefined ? slots : new Set(),
  }
}

/** Whether a cancellation is later than every event that entitles to the slot. */
function isCancelled(slot: string, history: BillingEvent[], assignments: AssignmentRecord[]): boolean {
  const entitled = latestOf(history.filter(event => entitles(event, slot)))
  const cancelled = latestOf(
    history.filter(event => event.type === 'ip.cancelled' && concerns(event, slot, assignments)),
  )
  return isLater(cancelled, entitled)
}

function entitles(event: BillingEvent, slot: string): boolean {
  if (event.type === 'service.created') return mainSlots(event).includes(slot)
  return event.type === 'ip.ordered' && slot.startsWith(`order:${event.data.order}/`)
}

function concerns(event: BillingEvent, slot: string, assignments: AssignmentRecord[]): boolean {
  if (event.type !== 'ip.cancelled') return false
  const { order, address } = event.data
  if (order !== undefined) return slot.startsWith(`order:${order}/`)
  return assignments.some(a => `${a.slot} IPv${a.family}` === slot && (a.address ?? a.requested) === address)
}

function mainSlots(event: BillingEvent): string[] {
  if (event.type !== 'service.created') return []
  const counted = { ipv4: 0, ipv6: 0 }
  return (event.data.addresses ?? [{ family: 'ipv4' as const, count: 1 }]).flatMap(({ family, count }) =>
    Array.from({ length: count }, () => {
      counted[family] += 1
      return `${mainSlot(counted[family])} ${version(family)}`
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
