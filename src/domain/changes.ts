import type { Assignment, OpenOperation, ServiceState } from './service-state.ts'
import type { Stamp } from './stamp.ts'
import type { OperationKind, OperationState } from './states.ts'

/** One event while it is being decided: what the planner needs from outside to stay a pure function. */
export interface Step {
  /** Our own id of the event, which the new operations name as their cause. */
  eventId: string
  newId: () => string
  /** When the event was said. */
  stamp: Stamp
  /** Whether the addresses of a service on one server can be used on another; default: they can. */
  canFollow?: (from: string, to: string) => boolean
}

// Values are never changed in place: what stays the same object was not changed.

export function operation(
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

/** Operations are carried out in the order in which they are added. */
export function add(state: ServiceState, operation: OpenOperation): ServiceState {
  return { ...state, operations: [...state.operations, operation] }
}

/** Puts an assignment in, in place of the one with its id if there is one. */
export function put(state: ServiceState, assignment: Assignment): ServiceState {
  const others = state.assignments.filter(a => a.id !== assignment.id)
  const isNew = others.length === state.assignments.length
  const assignments = isNew
    ? [...others, assignment]
    : state.assignments.map(a => (a.id === assignment.id ? assignment : a))
  return { ...state, assignments }
}
