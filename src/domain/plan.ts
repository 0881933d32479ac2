import type { Address } from './address.ts'
import { add, operation, put, type Step } from './changes.ts'
import type { BillingEvent, EventData } from './events.ts'
import { move } from './moves.ts'
import {
  type Assignment,
  aspectOf,
  entitledAssignments,
  type FormerAddress,
  isMainSlot,
  type OpenOperation,
  orderOf,
  type Service,
  type ServiceState,
} from './service-state.ts'
import {
  allocate,
  dropPtrs,
  entitle,
  isSlotOf,
  knownKind,
  mainSlots,
  orderSlots,
  revoke,
  takenAway,
} from './slots.ts'
import { isLater, isTakenAway, latest, type Stamp } from './stamp.ts'
import type { OperationKind } from './states.ts'

/** What an event comes to: the service's next state, in which the new operations stand. */
export interface Planned {
  state: ServiceState
  status: 'accepted' | 'superseded'
}

/**
 * Decides what an event means for its service.
 *
 * The outcome depends on what was said and when it was said (the stamps), never on the order of delivery: a
 * slot is live when the latest event that entitles to it is later than every event that takes it away. That
 * is why cancellations and PTR changes of things not heard of yet are remembered as aspects.
 */
export function plan(state: ServiceState, event: BillingEvent, context: Omit<Step, 'stamp'>): Planned {
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

function created(before: ServiceState, data: EventData['service.created'], step: Step): Planned {
  const { stamp } = step
  const known = before.service
  const freshest = !isLater(known?.created, stamp)
  const gone = isTakenAway(stamp, known?.deleted)
  const moves = freshest && known?.server !== undefined && known.server !== data.service.server
  // What it is called on one server says nothing on another, and its guest does not outlive it.
  const isElsewhere = moves || known?.state === 'deleted'
  const { guest, ...remains } = known ?? {}
  const service: Service = {
    ...(freshest || known === undefined
      ? {
          ...remains,
          ...(guest === undefined || isElsewhere ? {} : { guest }),
          ...data.service,
          setup: data.service.setup ?? {},
        }
      : known),
    state: gone ? (known?.state ?? 'deleted') : 'active',
    created: latest(stamp, known?.created),
  }
  let state: ServiceState = { ...before, service }
  if (known?.kind === undefined) state = knownKind(state)
  if (gone) return superseded(state, 'allocate', step)

  if (moves) state = move(state, known, service, step)
  const wanted = mainSlots(data.addresses)
  const earlier = entitledAssignments(state)
  const isRenamed = known?.domain !== undefined && known.domain !== service.domain
  for (const slot of wanted) state = entitle(state, slot, step)
  for (const a of earlier.filter(a => !wanted.some(isSlotOf(a)))) {
    const isNamedAnew = isRenamed && a.ptrWish === undefined
    // A repeated `service.created` is how billing retries a set-up: it gets back every address it has.
    const isTold = freshest && isMainSlot(a.slot)
    if (isTold || isNamedAnew || isStranded(state, a)) state = allocate(state, a.id, step)
  }
  return outcome(wakeWaiting(state), 'allocate', step)
}

/** Whether the slot has no address, and nobody is going to get it one: it was ordered for a service that never came. */
function isStranded({ operations }: ServiceState, { id, address }: Assignment): boolean {
  return address === undefined && operations.every(o => o.assignmentId !== id)
}

function ordered(before: ServiceState, data: EventData['ip.ordered'], step: Step): Planned {
  let state = withService(before, data.service)
  for (const slot of orderSlots(data)) state = entitle(state, slot, step)
  return outcome(wakeWaitingPtrs(state), 'allocate', step)
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
  const entitled = entitledAssignments(known)
  const meant =
    data.order === undefined
      ? named(entitled, data.address ?? '', step.stamp)
      : entitled.filter(a => orderOf(a.slot) === data.order)
  const aspects = new Map(known.aspects).set(aspect, { stamp: step.stamp })
  if (data.order === undefined) {
    // What entitled to the slot need not have named the address: an older one that still comes must not revive it.
    for (const { slot, family } of meant) {
      const name = aspectOf.cancelledSlot(slot, family)
      aspects.set(name, { stamp: latest(step.stamp, aspects.get(name)?.stamp) })
    }
  }
  const state = { ...known, aspects }
  const unnamed = data.address === undefined ? state : dropPtrs(state, data.address, step.stamp)
  return { state: revoke(unnamed, a => meant.includes(a), step), status: 'accepted' }
}

/**
 * Who names an address means the slot that had it when that was said, even where another one takes its place by now. Where
 * none had it then, as far as clocks can tell, the slot is meant that has it now.
 */
function named(assignments: readonly Assignment[], address: Address, said: Stamp): Assignment[] {
  const ofThen = assignments.filter(a => periods(a, address).some(p => p.since <= said.t && said.t < p.until))
  if (ofThen.length > 0) return ofThen
  return assignments.filter(a => periods(a, address).some(({ until }) => until === Infinity))
}

/** From when to when a slot had the address. */
function periods({ address, requested, since, replaces, former = [] }: Assignment, named: Address) {
  // Which address is to take another's place, an operator has decided: billing has yet to hear of it.
  const own = address ?? (replaces === undefined ? requested : undefined)
  const all: FormerAddress[] = [...(own === undefined ? [] : [{ address: own, since }]), ...former]
  return all
    .filter(one => one.address === named)
    .map(({ since = Infinity, until = Infinity }) => ({ since, until }))
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
  if (isLater(known.aspects.get(aspect)?.stamp, stamp) || isTakenAway(stamp, known.service.deleted)) {
    return superseded(known, 'ptr', step, payload)
  }
  const aspects = new Map(known.aspects).set(aspect, { stamp, ptr: data.ptr })
  const state = dropPtrs({ ...known, aspects }, data.address, stamp)
  const target = entitledAssignments(state).find(a => (a.address ?? a.requested) === data.address)
  if (isTakenAway(stamp, state.aspects.get(aspectOf.cancelledAddress(data.address))?.stamp)) {
    return superseded(state, 'ptr', step, payload)
  }
  if (target === undefined) {
    // The service may have had the address, and given it back: then the operation need not wait to be refused.
    const isKnown = known.service.state === 'active'
    const looks = operation('ptr', step, { payload, state: isKnown ? 'queued' : 'waiting' })
    return { state: add(state, looks), status: 'accepted' }
  }
  if (isLater(target.ptrStamp, stamp) || isTakenAway(stamp, takenAway(state, target))) {
    return superseded(state, 'ptr', step, payload)
  }
  const renamed = put(state, { ...target, ptrWish: data.ptr ?? '', ptrStamp: stamp })
  return {
    state: add(renamed, operation('ptr', step, { payload, assignmentId: target.id })),
    status: 'accepted',
  }
}

/**
 * Once there is something new to find, whatever waited for the service goes to the end of its line, and so do
 * PTR changes that have yet to look for their address.
 */
function wakeWaiting(state: ServiceState): ServiceState {
  return wake(state, o => o.state === 'waiting' || isLooking(o))
}

function wakeWaitingPtrs(state: ServiceState): ServiceState {
  return state.service?.state === 'active' ? wake(state, isLooking) : state
}

function isLooking(o: OpenOperation): boolean {
  return o.kind === 'ptr' && o.assignmentId === undefined && (o.state === 'waiting' || o.state === 'queued')
}

function wake(state: ServiceState, isWoken: (o: OpenOperation) => boolean): ServiceState {
  const woken = state.operations.filter(isWoken)
  const line = [...woken.filter(o => !isLooking(o)), ...woken.filter(isLooking)]
  const others = state.operations.filter(o => !isWoken(o))
  return { ...state, operations: [...others, ...line.map(o => ({ ...o, state: 'queued' as const }))] }
}

function withService(state: ServiceState, id: string): ServiceState {
  return state.service ? state : { ...state, service: { id, state: 'expected', setup: {} } }
}

/** Every event leads to an operation: one that came too late to change anything, to an operation that has ended. */
function outcome(state: ServiceState, kind: OperationKind, step: Step): Planned {
  const isOurs = (o: OpenOperation) => o.eventId === step.eventId
  return state.operations.some(isOurs) ? { state, status: 'accepted' } : superseded(state, kind, step)
}

function superseded(state: ServiceState, kind: OperationKind, step: Step, payload = {}): Planned {
  return { state: add(state, operation(kind, step, { state: 'superseded', payload })), status: 'superseded' }
}
