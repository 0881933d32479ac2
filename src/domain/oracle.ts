import type { Address } from './address.ts'
import type { BillingEvent } from './events.ts'
import { mainSlot, orderSlot } from './service-state.ts'
import type { AssignmentRecord, ServiceRecord } from './snapshot.ts'
import { isLater, type Stamp } from './stamp.ts'
import type { ServiceLife } from './states.ts'

/** What billing's events, taken together, want of a service. */
export interface Wanted {
  state: ServiceLife
  /** As `main IPv4`. */
  slots: Set<string>
}

/** Something that was said of a slot at some time. */
interface Entitlement {
  slot: string
  stamp: Stamp
  requested: Address | undefined
}

/**
 * Works out from the whole history what the planner, which sees one event at a time, must have arrived at: a
 * slot is wanted when the latest event that entitles to it is later than all that take it away. What people
 * entered at the desk or imported counts as said when they did it. Written without the planner's help, so that
 * it can judge it.
 *
 * @param assignments tell which slot had the address that a cancellation names
 * @returns every service that events speak of
 */
export function wantedSlots(
  events: readonly BillingEvent[],
  assignments: readonly AssignmentRecord[],
  services: readonly ServiceRecord[] = [],
): Map<string, Wanted> {
  const histories = groupBy(events, serviceOf)
  const owned = groupBy(assignments, a => a.service)
  const entered = new Map(
    services.flatMap(({ id, created }) => (byPeople(created) ? [[id, created] as const] : [])),
  )
  return new Map(
    [...histories].map(([id, history]) => [id, wantedOf(history, owned.get(id) ?? [], entered.get(id))]),
  )
}

function wantedOf(
  history: BillingEvent[],
  assignments: AssignmentRecord[],
  entered: Stamp | undefined,
): Wanted {
  const deleted = latestOf(history.filter(event => event.type === 'service.deleted').map(stampOf))
  const lives = (stamp: Stamp) => isLater(stamp, deleted)
  const created = history.filter(event => event.type === 'service.created').map(stampOf)
  const said = [...history.flatMap(entitlements), ...enteredSlots(assignments)].filter(({ stamp }) =>
    lives(stamp),
  )
  const slots = new Set(said.map(({ slot }) => slot))
  for (const slot of [...slots]) {
    const mine = said.filter(entitlement => entitlement.slot === slot)
    const had = assignments.filter(a => nameOf(a) === slot && lives(a.entitled))
    const cancelled = latestOf(
      history.filter(event => cancels(event, slot, mine, had, assignments)).map(stampOf),
    )
    if (!isLater(latestOf(mine.map(({ stamp }) => stamp)), cancelled)) slots.delete(slot)
  }
  const isActive = [...created, ...(entered ? [entered] : [])].some(lives)
  return { state: isActive ? 'active' : deleted === undefined ? 'expected' : 'deleted', slots }
}

/** Whether an event takes the slot away: by its order, or by the address that it had at that time. */
function cancels(
  event: BillingEvent,
  slot: string,
  said: Entitlement[],
  had: AssignmentRecord[],
  all: AssignmentRecord[],
): boolean {
  if (event.type !== 'ip.cancelled') return false
  const { order, address } = event.data
  if (order !== undefined) return slot.startsWith(`order:${order}/`)
  const holders = had.filter(a => !isLater(a.entitled, stampOf(event)))
  const last = latestOf(holders.map(a => a.entitled))
  const holder = holders.findLast(a => !isLater(last, a.entitled))
  if (holder === undefined) return said.some(({ requested }) => requested === address)
  const ofThen = all.filter(a => knownAddress(a) === address && hadAt(a, event.time))
  const line = lineOf(holder, all)
  if (ofThen.length > 0) return line.some(a => ofThen.includes(a))
  return line.some(a => knownAddress(a) === address && (a === holder || a.address === null))
}

/** Whether its address worked at that time. */
function hadAt({ assignedAt, releasedAt }: AssignmentRecord, time: Date): boolean {
  return assignedAt !== null && assignedAt <= time && (releasedAt === null || releasedAt > time)
}

/** An assignment, and those whose place it has taken. */
function lineOf(assignment: AssignmentRecord, all: AssignmentRecord[]): AssignmentRecord[] {
  const former = all.find(a => a.id === assignment.replaces)
  return [assignment, ...(former ? lineOf(former, all) : [])]
}

/** The address that billing knows it by. Which one is to take another's place, an operator has decided. */
function knownAddress({ address, requested, replaces }: AssignmentRecord): Address | null {
  return address ?? (replaces === null ? requested : null)
}

/** The slots that an event entitles its service to. */
function entitlements(event: BillingEvent): Entitlement[] {
  const stamp = stampOf(event)
  if (event.type === 'ip.ordered') {
    const { order, family, count, requested } = event.data
    return Array.from({ length: count }, (_, n) => ({
      slot: `${orderSlot(order, n + 1)} ${version(family)}`,
      stamp,
      requested,
    }))
  }
  if (event.type !== 'service.created') return []
  const counted = { ipv4: 0, ipv6: 0 }
  return (event.data.addresses ?? [{ family: 'ipv4' as const, count: 1 }]).flatMap(wanted =>
    Array.from({ length: wanted.count }, () => {
      counted[wanted.family] += 1
      const slot = `${mainSlot(counted[wanted.family])} ${version(wanted.family)}`
      return { slot, stamp, requested: 'requested' in wanted ? wanted.requested : undefined }
    }),
  )
}

function enteredSlots(assignments: AssignmentRecord[]): Entitlement[] {
  return assignments
    .filter(a => byPeople(a.entitled))
    .map(a => ({ slot: nameOf(a), stamp: a.entitled, requested: undefined }))
}

function byPeople(stamp: Stamp | null): stamp is Stamp {
  return stamp?.s.startsWith('ipbridge:') ?? false
}

function nameOf({ slot, family }: AssignmentRecord): string {
  return `${slot} IPv${family}`
}

function version(family: 'ipv4' | 'ipv6'): string {
  return family === 'ipv6' ? 'IPv6' : 'IPv4'
}

function latestOf(stamps: Stamp[]): Stamp | undefined {
  return stamps.reduce<Stamp | undefined>((last, next) => (isLater(next, last) ? next : last), undefined)
}

function stampOf(event: BillingEvent): Stamp {
  return {
    t: event.time.getTime(),
    ...(event.sequence === undefined ? {} : { q: event.sequence }),
    s: event.source,
  }
}

function serviceOf(event: BillingEvent): string | undefined {
  return event.type === 'service.created' ? event.data.service.id : event.data.service
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string | undefined): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    if (key === undefined) continue
    const members = groups.get(key)
    if (members) members.push(item)
    else groups.set(key, [item])
  }
  return groups
}
