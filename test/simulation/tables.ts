import type { KnownEvent, StoredEvent } from '../../src/db/inbox.ts'
import type { StepEntry } from '../../src/db/operations.ts'
import type { Aspect, Assignment, OperationPayload, Service } from '../../src/domain/service-state.ts'
import type { Stamp } from '../../src/domain/stamp.ts'
import { isTerminal, type OperationKind, type OperationState } from '../../src/domain/states.ts'

export type AssignmentRow = Omit<Assignment, 'address'> & {
  service: string
  address: string | undefined
  space: string | undefined
  connection: string | undefined
  ptr: string | null
  conflicts: number
  assignedAt: number | undefined
  releasedAt: number | undefined
}

export interface OperationRow {
  id: string
  seq: number
  kind: OperationKind
  state: OperationState
  service: string | undefined
  assignment: string | undefined
  event: string | undefined
  cause: string
  payload: OperationPayload
  stamp: Stamp | undefined
  epoch: number
  attempts: number
  leaseUntil: number | undefined
  announceAt: number | undefined
  announcements: number
  error: { code: string; message: string } | undefined
  createdAt: number
  endedAt: number | undefined
  /** Only where it is not that of its assignment or server. */
  connection: string | undefined
  steps: StepEntry[]
}

export interface ConflictRow {
  id: string
  marker: string
  address: string
  claimant: string
  holder: string
  /** The operations that carry out what was decided. */
  decisions: string[]
  isResolved: boolean
}

export type Tables = ReturnType<typeof createTables>

/** The tables of the ledger. */
export function createTables() {
  const operations = new Map<string, OperationRow>()
  const operationsOf = new Map<string, OperationRow[]>()
  const assignments = new Map<string, AssignmentRow>()
  const assignmentsOf = new Map<string, AssignmentRow[]>()
  /** What has not ended, and what ended since somebody looked. */
  let open: OperationRow[] = []
  let seq = 0
  let ids = 0

  function enter<Row>(index: Map<string, Row[]>, service: string, row: Row): void {
    const mine = index.get(service)
    if (mine) mine.push(row)
    else index.set(service, [row])
  }

  return {
    events: new Map<string, StoredEvent & KnownEvent>(),
    services: new Map<string, Service>(),
    assignments: assignments as ReadonlyMap<string, AssignmentRow>,
    aspects: new Map<string, Map<string, Aspect>>(),
    conflicts: new Map<string, ConflictRow>(),
    operations: operations as ReadonlyMap<string, OperationRow>,

    newId: () => `00000000-0000-7000-8000-${String(++ids).padStart(12, '0')}`,
    nextSeq: () => ++seq,

    insertAssignment(row: AssignmentRow): void {
      assignments.set(row.id, row)
      enter(assignmentsOf, row.service, row)
    },

    /** All assignments of a service, as they were entered. */
    assignmentsOf: (service: string): readonly AssignmentRow[] => assignmentsOf.get(service) ?? [],

    insertOperation(
      row: Omit<
        OperationRow,
        | 'seq'
        | 'epoch'
        | 'attempts'
        | 'leaseUntil'
        | 'announcements'
        | 'error'
        | 'steps'
        | 'endedAt'
        | 'connection'
      > & { connection?: string | undefined },
    ) {
      const operation: OperationRow = {
        seq: ++seq,
        epoch: 0,
        attempts: 0,
        leaseUntil: undefined,
        announcements: 0,
        error: undefined,
        endedAt: undefined,
        connection: undefined,
        steps: [],
        ...row,
      }
      operations.set(operation.id, operation)
      open.push(operation)
      if (row.service !== undefined) enter(operationsOf, row.service, operation)
      return operation
    },

    /** All operations that have not ended. */
    openOperations(): readonly OperationRow[] {
      if (open.some(({ state }) => isTerminal(state))) open = open.filter(({ state }) => !isTerminal(state))
      return open
    },

    /** What has ended is to be done after all. */
    reopen(operation: OperationRow): void {
      if (!open.includes(operation)) open.push(operation)
    },

    /** All operations of a service, as they were entered. */
    operationsOf: (service: string): OperationRow[] => operationsOf.get(service) ?? [],
  }
}

/** What PostgreSQL says where a unique index refuses a row. */
export class UniqueViolation extends Error {
  override name = 'UniqueViolation'
  constructor(index: string) {
    super(`duplicate key value violates unique constraint "${index}"`)
  }
}
