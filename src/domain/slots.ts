import { type Address, type Family, familyFromName } from './address.ts'
import { add, operation, put, type Step } from './changes.ts'
import type { AddressWanted, EventData } from './events.ts'
import {
  type Aspect,
  type Assignment,
  aspectOf,
  entitledAssignments,
  licenceKind,
  mainSlot,
  type OpenOperation,
  type OperationPayload,
  orderOf,
  orderSlot,
  type Service,
  type ServiceState,
} from './service-state.ts'
import { isLater, isTakenAway, latest, type Stamp } from './stamp.ts'

/** What a slot shall hold. */
export interface SlotWish {
  slot: string
  family: Family
  /** undefined: the service's domain; null: no PTR. */
  ptr?: string | null | undefined
  requested?: Address | undefined
  pool?: string | undefined
}

/** The slots that come with a service; unless it says otherwise, one IPv4 address. */
export function mainSlots(addresses: AddressWanted[] = [{ family: 'ipv4', count: 1 }]): SlotWish[] {
  const counted: Record<Family, number> = { 4: 0, 6: 0 }
  return addresses.flatMap(wanted =>
    Array.from({ length: wanted.count }, () => {
      const next = wish(wanted)
      counted[next.family] += 1
      return { ...next, slot: mainSlot(counted[next.family]) }
    }),
  )
}

export function orderSlots(data: EventData['ip.ordered']): SlotWish[] {
  return Array.from({ length: data.count }, (_, n) => ({ ...wish(data), slot: orderSlot(data.order, n + 1) }))
}

function wish({ family, ptr, requested, pool }: AddressWanted): Omit<SlotWish, 'slot'> {
  return { family: familyFromName(family), ptr, requested, pool }
}

export const isSlotOf = (a: Assignment) => (slot: SlotWish) =>
  slot.slot === a.slot && slot.family === a.family

/** The latest word that took the slot from the service, if any did: what was said of it before counts no more. */
export function takenAway({ service, aspects }: ServiceState, slot: SlotWish): Stamp | undefined {
  const order = orderOf(slot.slot)
  return [
    order && aspects.get(aspectOf.cancelledOrder(order))?.stamp,
    slot.requested && aspects.get(aspectOf.cancelledAddress(slot.requested))?.stamp,
    aspects.get(aspectOf.cancelledSlot(slot.slot, slot.family))?.stamp,
  ].reduce<Stamp | undefined>((last, next) => (next ? latest(next, last) : last), service?.deleted)
}

/**
 * Makes sure that the service has the slot: a new assignment, or the one that it has, told of again. What a later
 * word has taken away already is not given.
 */
export function entitle(state: ServiceState, slot: SlotWish, step: Step): ServiceState {
  const taken = takenAway(state, slot)
  if (taken && isTakenAway(step.stamp, taken)) {
    return slot.requested === undefined ? state : dropPtrs(state, slot.requested, taken)
  }
  const existing = entitledAssignments(state).find(a => isSlotOf(a)(slot))
  const assignment = existing ? entitledAgain(existing, slot, step.stamp) : newAssignment(state, slot, step)
  return allocate(put(state, assignment), assignment.id, step)
}

/** Has a slot's address allocated, or what is missing of that; a service that is not known has to become so first. */
export function allocate(state: ServiceState, assignmentId: string, step: Step): ServiceState {
  const isKnown = state.service?.state === 'active'
  return add(state, operation('allocate', step, { assignmentId, state: isKnown ? 'queued' : 'waiting' }))
}

function entitledAgain(assignment: Assignment, slot: SlotWish, stamp: Stamp): Assignment {
  const entitled = latest(stamp, assignment.entitled)
  const names = slot.ptr !== undefined && !isLater(assignment.ptrStamp, stamp)
  return names
    ? { ...assignment, entitled, ptrWish: slot.ptr ?? '', ptrStamp: stamp }
    : { ...assignment, entitled }
}

function newAssignment(state: ServiceState, slot: SlotWish, step: Step): Assignment {
  const ptr = ptrChangedBefore(state, slot, step) ?? { stamp: step.stamp, ptr: slot.ptr }
  const ptrStamp = ptr.ptr === undefined ? takenAway(state, slot) : ptr.stamp
  return {
    id: step.newId(),
    slot: slot.slot,
    family: slot.family,
    state: 'pending',
    ...(slot.requested === undefined ? {} : { requested: slot.requested }),
    ...(slot.pool === undefined ? {} : { pool: slot.pool }),
    ...(ptr.ptr === undefined ? {} : { ptrWish: ptr.ptr ?? '' }),
    ...(ptrStamp === undefined ? {} : { ptrStamp }),
    ...licenceTerms(state, slot),
    entitled: step.stamp,
  }
}

/** A PTR change that overtook the event which entitles to the address that it names. */
function ptrChangedBefore(state: ServiceState, slot: SlotWish, step: Step): Aspect | undefined {
  const changed = slot.requested && state.aspects.get(aspectOf.ptr(slot.requested))
  if (!changed || isTakenAway(changed.stamp, takenAway(state, slot))) return undefined
  return slot.ptr === undefined || isLater(changed.stamp, step.stamp) ? changed : undefined
}

/** A licence that names its address runs on somebody else's and holds nothing in the IPAM. */
function licenceTerms({ service }: ServiceState, slot: SlotWish): Pick<Assignment, 'licence' | 'held'> {
  const licence = service?.kind === licenceKind
  return { licence, held: !(licence && slot.requested !== undefined) }
}

/** What was ordered before its service was known did not know either that it is for a licence. */
export function knownKind(state: ServiceState): ServiceState {
  if (state.service?.kind !== licenceKind) return state
  return { ...state, assignments: state.assignments.map(a => ({ ...a, ...licenceTerms(state, a) })) }
}

/**
 * Takes slots away: whatever was entitled to no later than now is released, and what has not begun of its
 * operations never will. What is running finds out for itself, and the release comes after it.
 */
export function revoke(state: ServiceState, concerns: (a: Assignment) => boolean, step: Step): ServiceState {
  const concerned = entitledAssignments(state).filter(concerns)
  const isDeletion = state.service?.deleted === step.stamp
  const isOver = isDeletion && state.service?.state === 'deleted'
  const later = concerned.filter(a => isLater(a.entitled, step.stamp))
  const leaving = isOver ? concerned : concerned.filter(a => !later.includes(a))
  const ids = new Set(leaving.map(a => a.id))
  const pointless = (o: OpenOperation) => o.kind !== 'release' && ids.has(o.assignmentId ?? '')
  let next = supersede(isDeletion ? dropPtrs(state, undefined, step.stamp) : state, pointless)
  for (const { address, requested } of leaving) {
    const known = address ?? requested
    if (known !== undefined) next = dropPtrs(next, known, step.stamp)
  }
  const assignments = state.assignments.map(a => (ids.has(a.id) ? { ...a, state: 'releasing' as const } : a))
  next = { ...next, assignments }
  const payload = placeOf(state.service)
  for (const { id } of leaving) next = add(next, operation('release', step, { assignmentId: id, payload }))
  for (const assignment of later) {
    next = isOver ? startOver(next, assignment, step) : withoutOldName(next, assignment, step)
  }
  // An accepted event always leaves an operation to look at, even when there was nothing to take away.
  return leaving.length > 0 ? next : add(next, operation('release', step))
}

/** Where an address has to be taken off, wherever its service is by the time that this is done. */
function placeOf(service: Service | undefined): OperationPayload {
  if (service?.server === undefined) return {}
  const { server, guest } = service
  return { leaves: { server, ...(guest === undefined ? {} : { guest }) } }
}

/**
 * PTR changes that still look for their address, and would only find it by mistake: what they name was taken away
 * after they were said.
 * @param address undefined: all that the service has
 */
export function dropPtrs(state: ServiceState, address: Address | undefined, taken: Stamp): ServiceState {
  return supersede(
    state,
    o =>
      o.kind === 'ptr' &&
      o.assignmentId === undefined &&
      (address === undefined || o.payload.address === address) &&
      !isLater(o.stamp, taken),
  )
}

/** Ends what has not begun. */
function supersede(state: ServiceState, which: (o: OpenOperation) => boolean): ServiceState {
  const operations = state.operations.map(o =>
    o.state !== 'running' && which(o) ? { ...o, state: 'superseded' as const } : o,
  )
  return { ...state, operations }
}

/** A slot that was taken away and given anew, as we heard already: what it was named before does not come back. */
function withoutOldName(state: ServiceState, assignment: Assignment, step: Step): ServiceState {
  const forgotten = forgetName(assignment, step.stamp)
  if (forgotten === assignment || assignment.ptrStamp === undefined) return put(state, forgotten)
  return add(put(state, forgotten), operation('ptr', step, { assignmentId: assignment.id }))
}

/** Ordered after the end of its service: it waits for the service to come back, as it would had it come last. */
function startOver(state: ServiceState, assignment: Assignment, step: Step): ServiceState {
  const { address: _, since: __, replaces: ___, former: ____, ...wanted } = forgetName(assignment, step.stamp)
  const anew: Assignment = { ...wanted, id: step.newId(), state: 'pending' }
  return allocate(put(state, anew), anew.id, step)
}

function forgetName(assignment: Assignment, stamp: Stamp): Assignment {
  if (isLater(assignment.ptrStamp, stamp)) return assignment
  const { ptrWish: _, ...nameless } = assignment
  return { ...nameless, ptrStamp: stamp }
}
