/** The life of an operation. `parked`: no address is free; `waiting`: its service is not known yet. */
export const operationStates = [
  'queued',
  'running',
  'waiting',
  'parked',
  'done',
  'failed',
  'superseded',
  'cancelled',
] as const
export type OperationState = (typeof operationStates)[number]

export const operationKinds = ['allocate', 'release', 'ptr', 'reconcile'] as const
export type OperationKind = (typeof operationKinds)[number]

/** The life of an assignment. Everything but `released` still stands between its address and others. */
export const assignmentStates = ['pending', 'reserved', 'active', 'releasing', 'released'] as const
export type AssignmentState = (typeof assignmentStates)[number]

export type ServiceLife = 'expected' | 'active' | 'deleted'

const terminal: ReadonlySet<OperationState> = new Set(['done', 'failed', 'superseded', 'cancelled'])

/** Whether nothing more will happen to the operation unless somebody asks for it. */
export function isTerminal(state: OperationState): boolean {
  return terminal.has(state)
}

/** Whether nothing more can happen to the operation, even if somebody asks for it: what failed can be retried. */
export function isFinal(state: OperationState): boolean {
  return isTerminal(state) && state !== 'failed'
}

/** Whether the service is (still) entitled to the assignment's address. */
export function isEntitled(state: AssignmentState): boolean {
  return state === 'pending' || state === 'reserved' || state === 'active'
}
