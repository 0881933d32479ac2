import type { Address, Family } from './address.ts'
import { familyFromName } from './address.ts'
import type { AddressWanted, BillingEvent, EventData } from './events.ts'
import {
  type Aspect,
  type Assignment,
  aspectOf,
  entitledAssignments,
  isMainSlot,
  licenceKind,
  mainSlot,
  type OpenOperation,
  orderSlot,
  type Service,
  type ServiceState,
} from './service-state.ts'
import { isLater, latest, type Stamp } from './stamp.ts'
import type { OperationKind, OperationState } from './states.ts'

/** What an event comes to: the service's next state, in which the new operations stand. */
export interface Planned {
  state: ServiceState
  status: 'accepted' | 'superseded'
}

/** What the planner needs from outside to stay a pure function. */
export interface PlanContext {
  /** Our own id of the event, which the new operations name as their cause. */
  eventId: string
  newId: () => string
}

/**
 * Decides what an event means for its service.
 *
 * The outcome depends on what was said and when it was said (the stamps), never on the order of delivery: a
 * slot is live when the latest event that entitles to it is later than every event that takes it away. That
 * is why cancellations and PTR changes of things not heard of yet are remembered as aspects.
 */
export function plan(state: ServiceState, event: BillingEvent, context: PlanContext): Planned {
  const stamp = stampOf(event)
  const step: Step = { ...context, stamp }
  switch (event.type) {
    case 'service.created':
      return created(state, event.data, step)
    case 'ip.ordered':
      return ordered(state, event.data, step)
    case 'ip.cancelled':
      return cancelled(state, event.data, step)
    case 'service.deleted':
      return deleted(state, event.data, step)
    case 'ptr.changed':
      return ptrChanged(state, event.data, step)
  }
}

export function stampOf(event: { time: Date; sequence?: string; source: string }): Stamp {
  return {
    t: event.time.getTime(),
    ...(event.sequence === undefined ? {} : { q: event.sequence }),
    s: event.source,
  }
}

interface Step extends PlanContext {
  stamp: Stamp
}

function created(before: ServiceState, data: EventData['service.created'], step: Step): Planned {
  const { stamp } = step
  const known = before.service
  const freshest = !isLater(known?.created, stamp)
  const gone = isLater(known?.deleted, stamp)
  const service: Service = {
    ...(freshest || known === undefined
      ? { ...known, ...data.service, setup: data.service.setup ?? {} }
      : known),
    state: gone ? (known?.state ?? 'deleted') : 'active',
    created: latest(stamp, known?.created),
  }
  let state: ServiceState = { ...before, service }
  if (gone) return superseded(state, 'allocate', step)

  const wanted = mainSlots(data.addresses ?? [{ family: 'ipv4', count: 1 }])
  for (const slot of wanted) state = entitle(state, slot, step)
  if (freshest) {
    // A repeated `service.created` is how billing retries a set-up: it gets back every address it has.
    const others = entitledAssignments(before).filter(a => isMainSlot(a.slot) && !wanted.some(isSlotOf(a)))
    for (const assignment of others) state = entitle(state, assignment, step)
  }
  return { state: wakeWaiting(state), status: 'accepted' }
}

function ordered(before: ServiceState, data: EventData['ip.ordered'], step: Step): Planned {
  const { stamp } = step
  const takenBack = [
    before.service?.deleted,
    before.aspects.get(aspectOf.cancelledOrder(data.order))?.stamp,
    data.requested && before.aspects.get(aspectOf.cancelledAddress(data.requested))?.stamp,
  ]
  let state = withService(before, data.service)
  if (takenBack.some(cancellation => cancellation && isLater(cancellation, stamp))) {
    return superseded(state, 'allocate', step)
  }
  for (let n = 1; n <= data.count; n++) {
    state = entitle(state, { ...wish(data), slot: orderSlot(data.order, n) }, step)
  }
  return { state: wakeWaitingPtrs(state), status: 'accepted' }
}

function cancelled(before: ServiceState, data: EventData['ip.cancelled'], step: Step): Planned {
  const aspect =
    data.order === undefined
      ? aspectOf.cancelledAddress(data.address ?? '')
      : aspectOf.cancelledOrder(data.order)
  const known = withService(before, data.service)
  if (
    isLater(before.aspects.get(aspect)?.stamp, step.stamp) ||
    isLater(before.service?.deleted, step.stamp)
  ) {
    return superseded(known, 'release', step)
  }
  const state = { ...known, aspects: new Map(known.aspects).set(aspect, { stamp: step.stamp }) }
  const concerns = (a: Assignment) =>
    data.order === undefined
      ? (a.address ?? a.requested) === data.address
      : a.slot.startsWith(`order:${data.order}/`)
  return { state: revoke(state, concerns, step), status: 'accepted' }
}

function deleted(before: ServiceState, data: EventData['service.deleted'], step: Step): Planned {
  const known = withService(before, data.service)
  const service = known.service as Service
  if (isLater(service.deleted, step.stamp)) return superseded(known, 'release', step)
  const recreated = isLater(service.created, step.stamp)
  const state: ServiceState = {
    ...known,
    service: { ...service, deleted: step.stamp, state: recreated ? service.state : 'deleted' },
  }
  return { state: revoke(state, () => true, step), status: 'accepted' }
}

function ptrChanged(before: ServiceState, data: EventData['ptr.changed'], step: Step): Planned {
  const { stamp } = step
  const payload = { address: data.address, ptr: data.ptr }
  // Without a service there is nothing to order by: the operation looks for the address when it runs.
  const known = data.service === undefined ? before : withService(before, data.service)
  if (known.service === undefined)
    return { state: add(known, operation('ptr', step, { payload })), status: 'accepted' }

  const aspect = aspectOf.ptr(data.address)
  if (isLater(known.aspects.get(aspect)?.stamp, stamp) || isLater(known.service.deleted, stamp)) {
    return superseded(known, 'ptr', step, payload)
  }
  const state = { ...known, aspects: new Map(known.aspects).set(aspect, { stamp, ptr: data.ptr }) }
  const target = entitledAssignments(state).find(a => (a.address ?? a.requested) === data.address)
  if (target === undefined) {
    return { state: add(state, operation('ptr', step, { payload, state: 'waiting' })), status: 'accepted' }
  }
  if (isLater(target.ptrStamp, stamp)) return superseded(state, 'ptr', step, payload)
  const renamed = replace(state, { ...target, ptrWish: data.ptr ?? '', ptrStamp: stamp })
  return {
    state: add(renamed, operation('ptr', step, { payload, assignmentId: target.id })),
    status: 'accepted',
  }
}

/** What a slot shall hold. */
interface SlotWish {
  slot: string
  family: Family
  ptr?: string | null | undefined
  requested?: Address | undefined
  pool?: string | undefined
}

function wish(wanted: AddressWanted): Omit<SlotWish, 'slot'> {
  const { ptr, requested, pool } = wanted
  return { family: familyFromName(wanted.family), ptr, requested, pool }
}

function mainSlots(addresses: AddressWanted[]): SlotWish[] {
  const counted: Record<Family, number> = { 4: 0, 6: 0 }
  return addresses.flatMap(wanted =>
    Array.from({ length: wanted.count }, () => {
      const next = wish(wanted)
      counted[next.family] += 1
      return { ...next, slot: mainSlot(counted[next.family]) }
    }),
  )
}

const isSlotOf = (a: Assignment) => (slot: SlotWish) => slot.slot === a.slot && slot.family === a.family

/** Makes sure that the service has the slot: a new assignment, or the one that it has, told of again. */
function entitle(state: ServiceState, slot: SlotWish, step: Step): ServiceState {
  const existing = entitledAssignments(state).find(a => isSlotOf(a)(slot))
  const assignment = existing ? entitledAgain(existing, slot, step.stamp) : newAssignment(state, slot, step)
  const next = existing
    ? replace(state, assignment)
    : { ...state, assignments: [...state.assignments, assignment] }
  const isKnown = state.service?.state === 'active'
  return add(
    next,
    operation('allocate', step, { assignmentId: assignment.id, state: isKnown ? 'queued' : 'waiting' }),
  )
}

function entitledAgain(assignment: Assignment, slot: SlotWish, stamp: Stamp): Assignment {
  const entitled = latest(stamp, assignment.entitled)
  const names = slot.ptr !== undefined && !isLater(assignment.ptrStamp, stamp)
  return names
    ? { ...assignment, entitled, ptrWish: slot.ptr ?? '', ptrStamp: stamp }
    : { ...assignment, entitled }
}

function newAssignment(state: ServiceState, slot: SlotWish, step: Step): Assignment {
  const licence = state.service?.kind === licenceKind
  const ptr = ptrChangedBefore(state, slot, step) ?? { stamp: step.stamp, ptr: slot.ptr }
  return {
    id: step.newId(),
    slot: slot.slot,
    family: slot.family,
    state: 'pending',
    ...(slot.requested === undefined ? {} : { requested: slot.requested }),
    ...(slot.pool === undefined ? {} : { pool: slot.pool }),
    ...(ptr.ptr === undefined ? {} : { ptrWish: ptr.ptr ?? '', ptrStamp: ptr.stamp }),
    licence,
    held: !(licence && slot.requested !== undefined),
    entitled: step.stamp,
  }
}

/** A PTR change that overtook the event which entitles to the address that it names. */
function ptrChangedBefore(state: ServiceState, slot: SlotWish, step: Step): Aspect | undefined {
  const changed = slot.requested && state.aspects.get(aspectOf.ptr(slot.requested))
  if (!changed || isLater(state.service?.deleted, changed.stamp)) return undefined
  return slot.ptr === undefined || isLater(changed.stamp, step.stamp) ? changed : undefined
}

/**
 * Takes slots away: whatever was entitled to no later than now is released, and what has not begun of its
 * operations never will. What is running finds out for itself, and the release comes after it.
 */
function revoke(state: ServiceState, concerns: (a: Assignment) => boolean, step: Step): ServiceState {
  const leaving = entitledAssignments(state).filter(a => concerns(a) && !isLater(a.entitled, step.stamp))
  const ids = new Set(leaving.map(a => a.id))
  const isDeletion = state.service?.deleted === step.stamp
  const pointless = (o: OpenOperation) =>
    o.assignmentId === undefined
      ? isDeletion && o.state === 'waiting' && !isLater(o.stamp, step.stamp)
      : ids.has(o.assignmentId) && o.kind !== 'release' && o.state !== 'running'
  let next: ServiceState = {
    ...state,
    assignments: state.assignments.map(a => (ids.has(a.id) ? { ...a, state: 'releasing' } : a)),
    operations: state.operations.map(o => (pointless(o) ? { ...o, state: 'superseded' } : o)),
  }
  for (const { id } of leaving) next = add(next, operation('release', step, { assignmentId: id }))
  // An accepted event always leaves an operation to look at, even when there was nothing to take away.
  return leaving.length > 0 ? next : add(next, operation('release', step))
}

/** What waited for the service to become known goes to the end of its line. */
function wakeWaiting(state: ServiceState): ServiceState {
  return wake(state, () => true)
}

function wakeWaitingPtrs(state: ServiceState): ServiceState {
  return state.service?.state === 'active' ? wake(state, o => o.kind === 'ptr') : state
}

function wake(state: ServiceState, which: (o: OpenOperation) => boolean): ServiceState {
  return {
    ...state,
    operations: state.operations.map(o =>
      o.state === 'waiting' && which(o) ? { ...o, state: 'queued' } : o,
    ),
  }
}

function withService(state: ServiceState, id: string): ServiceState {
  return state.service ? state : { ...state, service: { id, state: 'expected', setup: {} } }
}

function superseded(state: ServiceState, kind: OperationKind, step: Step, payload = {}): Planned {
  return { state: add(state, operation(kind, step, { state: 'superseded', payload })), status: 'superseded' }
}

function operation(
  kind: OperationKind,
  step: Step,
  more: Partial<Pick<OpenOperation, 'assignmentId' | 'payload'>> & { state?: OperationState } = {},
): OpenOperation {
  return {
    id: step.newId(),
    kind,
    state: 'queued',
    eventId: step.eventId,
    payload: {},
    stamp: step.stamp,
    ...more,
  }
}

function add(state: ServiceState, operation: OpenOperation): ServiceState {
  return { ...state, operations: [...state.operations, operation] }
}

function replace(state: ServiceState, assignment: Assignment): ServiceState {
  return { ...state, assignments: state.assignments.map(a => (a.id === assignment.id ? assignment : a)) }
}
