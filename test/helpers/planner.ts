import type { BillingEvent } from '../../src/domain/events.ts'
import { parseEvent } from '../../src/domain/parse-event.ts'
import { plan } from '../../src/domain/plan.ts'
import {
  type Assignment,
  entitledAssignments,
  nothingKnown,
  type OpenOperation,
  type ServiceState,
} from '../../src/domain/service-state.ts'
import { isTerminal } from '../../src/domain/states.ts'

const farAhead = new Date('2036-01-01T00:00:00Z')

/** An event as the planner gets it. */
export function eventOf(input: unknown): BillingEvent {
  const parsed = parseEvent(input, farAhead)
  if ('faults' in parsed) throw new Error(`a bad event in a test: ${JSON.stringify(parsed.faults)}`)
  return parsed.event
}

let ids = 0
export const newId = () => `id-${++ids}`

export interface Told {
  state: ServiceState
  status: 'accepted' | 'superseded'
  /** What the event led to. */
  operations: OpenOperation[]
}

/** Tells the planner one event. */
export function tellOne(before: ServiceState, input: unknown): Told {
  const eventId = newId()
  const { state, status } = plan(before, eventOf(input), { eventId, newId })
  return { state, status, operations: state.operations.filter(o => o.eventId === eventId) }
}

/** Tells the planner some events, one after the other. */
export function tell(before: ServiceState, ...inputs: unknown[]): ServiceState {
  return inputs.reduce<ServiceState>((state, input) => tellOne(state, input).state, before)
}

/** Tells the planner some events of a service that it has never heard of. @returns what the last one led to */
export function told(...inputs: unknown[]): Told {
  return tellOne(tell(nothingKnown, ...inputs.slice(0, -1)), inputs.at(-1))
}

/** The slots that the service is entitled to, as `main IPv4`. */
export function slotsOf(state: ServiceState): string[] {
  return entitledAssignments(state)
    .map(({ slot, family }) => `${slot} IPv${family}`)
    .sort()
}

/** Each operation in short: its kind, its state and the slot that it is about. */
export function inShort(state: ServiceState, operations: readonly OpenOperation[]): string[] {
  const slots = new Map(state.assignments.map(a => [a.id, a.slot]))
  return operations.map(o => [o.kind, o.state, slots.get(o.assignmentId ?? '')].filter(Boolean).join(' '))
}

/** The assignment of a slot. */
export function assignmentOf(state: ServiceState, slot: string): Assignment {
  const found = entitledAssignments(state).find(a => a.slot === slot)
  if (found === undefined) throw new Error(`the service is not entitled to ${slot}`)
  return found
}

/** The state after workers have done all that was queued: addresses are those of `addresses`, by slot. */
export function executed(state: ServiceState, addresses: Record<string, string> = {}): ServiceState {
  const isDone = (o: OpenOperation) => o.state === 'queued' || o.state === 'running' || isTerminal(o.state)
  const allocated = new Set(
    state.operations.filter(o => isDone(o) && o.kind === 'allocate').map(o => o.assignmentId),
  )
  const assignments = state.assignments.flatMap((a): Assignment[] => {
    if (a.state === 'releasing') return []
    const address = a.address ?? a.requested ?? addresses[a.slot]
    return allocated.has(a.id) && address !== undefined ? [{ ...a, address, state: 'active' }] : [a]
  })
  return { ...state, assignments, operations: state.operations.filter(o => !isDone(o)) }
}
