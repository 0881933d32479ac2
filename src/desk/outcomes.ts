import { isTerminal, type OperationState } from '../domain/states.ts'
import type { Receipt } from '../intake/intake.ts'
import type { AddressView } from './addresses.ts'
import type { Desk } from './desk.ts'

/** What has become of an event so far. */
export interface EventOutcome extends Receipt {
  state: OperationState
  addresses: AddressView[]
  /** Why operations failed or are parked. */
  errors: { operation: string; code: string; message: string }[]
}

/** An event stands as the first of these does that any of its operations is in. */
const standings = [
  'failed',
  'cancelled',
  'parked',
  'waiting',
  'running',
  'queued',
  'superseded',
  'done',
] as const satisfies readonly OperationState[]

export function standingOf(states: readonly OperationState[]): OperationState {
  return standings.find(state => states.includes(state)) ?? 'done'
}

/** Whether waiting any longer makes sense no more: it has ended, or is parked until an address is free. */
export function isAtRest(state: OperationState): boolean {
  return isTerminal(state) || state === 'parked'
}

/** What has become of events that were taken in, and whether waiting for them makes sense no more. */
export async function outcomesOf(
  desk: Pick<Desk, 'operations' | 'addresses'>,
  taken: Receipt[],
): Promise<{ events: EventOutcome[]; atRest: boolean }> {
  const ids = taken.flatMap(receipt => receipt.operations)
  const standings = new Map((await desk.operations.standing(ids)).map(row => [row.id, row]))
  const addresses = new Map((await desk.addresses.ofOperations(ids)).map(row => [row.operation, row.view]))
  const events = taken.map(receipt => {
    const operations = receipt.operations.flatMap(id => standings.get(id) ?? [])
    return {
      ...receipt,
      state: standingOf(operations.map(({ state }) => state)),
      addresses: receipt.operations.flatMap(id => addresses.get(id) ?? []),
      errors: operations.flatMap(({ id, error }) => (error ? { operation: id, ...error } : [])),
    }
  })
  return { events, atRest: [...standings.values()].every(({ state }) => isAtRest(state)) }
}
