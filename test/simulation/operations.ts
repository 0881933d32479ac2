import type { Claimed, ClaimedAssignment, ClaimedService, StepEntry } from '../../src/db/operations.ts'
import type { Message, Outcome } from '../../src/domain/outcome.ts'
import { isTerminal } from '../../src/domain/states.ts'
import type { World } from './outside.ts'
import { connection } from './snapshot.ts'
import type { AssignmentRow, OperationRow, Tables } from './tables.ts'

export const leaseSeconds = 30

export type OperationTable = ReturnType<typeof operationTable>

/**
 * What src/db/claims.ts, endings.ts and operations.ts do in SQL, said again in a few lines, statement by statement:
 * each call happens at once and as a whole.
 */
export function operationTable(tables: Tables, world: World) {
  const { defect } = world
  const { now } = world.scheduler
  const { operations } = tables
  /** Only for the defect: what was claimed last, and when. */
  let lately: { id: string; at: number } | undefined

  function isItsTurn(operation: OperationRow): boolean {
    const others = operation.service === undefined ? [] : tables.operationsOf(operation.service)
    return others.every(
      o => o === operation || !(o.state === 'running' || (o.state === 'queued' && o.seq < operation.seq)),
    )
  }

  const isTwin = ({ id, state }: OperationRow) =>
    defect === 'twin claims' && state === 'running' && lately?.id === id && now() - lately.at < 20

  /** When a running operation is taken back from a worker that is gone; in one broken build it never is. */
  const leaseEnd = ({ leaseUntil = 0 }: OperationRow) =>
    defect === 'nobody takes back what the dead held' ? undefined : leaseUntil + 1

  /** Whether the operation is in the hands of this claim. */
  function held({ id, epoch }: { id: string; epoch: number }): OperationRow | undefined {
    const operation = operations.get(id)
    if (defect === 'no fence') return operation
    return operation?.epoch === epoch && operation.state === 'running' ? operation : undefined
  }

  return {
    held,

    claim(id: string): Claimed | undefined {
      const operation = operations.get(id)
      if (operation === undefined) return undefined
      if (isTwin(operation)) return claimed(tables, operation)
      if (operation.state !== 'queued') return undefined
      if (!isItsTurn(operation)) {
        operation.announceAt = now() + 1000 * 2 ** Math.min(operation.announcements, 6)
        return undefined
      }
      operation.state = 'running'
      operation.epoch += 1
      operation.attempts += 1
      operation.leaseUntil = now() + leaseSeconds * 1000
      operation.announceAt = undefined
      lately = { id, at: now() }
      return claimed(tables, operation)
    },

    settle(item: { id: string; epoch: number; settlement: Outcome; steps: StepEntry[] }) {
      const operation = held(item)
      if (operation === undefined) return { ours: false }
      const { state, delayMs, giveBack, error, assignment } = item.settlement
      const line = operation.service === undefined ? [] : tables.operationsOf(operation.service)
      const next = state === 'queued' ? undefined : firstQueued(line, operation)
      operation.state = state
      operation.endedAt = isTerminal(state) ? now() : undefined
      operation.leaseUntil = undefined
      operation.attempts -= giveBack ? 1 : 0
      operation.error = error
      operation.announcements = 0
      operation.announceAt = delayMs === undefined || isTerminal(state) ? undefined : now() + delayMs
      operation.steps.push(...item.steps)
      if (assignment) change(operation, assignment)
      if (isTerminal(state)) world.see({ kind: 'ended', at: now(), operation: operation.id, state })
      for (const message of item.settlement.messages ?? []) tell(operation, message)
      const isThere = assignment?.state === 'active'
      const isGone = assignment?.state === 'released' && lifeOf(operation) === 'active'
      if (isThere || isGone) wakePtrs(line)
      return next
        ? { ours: true, next: { id: next.id, kind: next.kind, epoch: next.epoch, turn: true as const } }
        : { ours: true }
    },

    renew(running: { id: string; epoch: number }[]): Map<string, number> {
      const renewed = new Map<string, number>()
      for (const item of running) {
        const operation = held(item)
        if (operation?.state !== 'running') continue
        operation.leaseUntil = now() + leaseSeconds * 1000
        renewed.set(item.id, defect === 'no fence' ? item.epoch : operation.epoch)
      }
      return renewed
    },

    recover(): number {
      if (defect === 'nobody takes back what the dead held') return 0
      let lost = 0
      for (const operation of tables.openOperations()) {
        if (operation.state !== 'running' || (operation.leaseUntil ?? 0) >= now()) continue
        Object.assign(operation, {
          state: 'queued',
          leaseUntil: undefined,
          announceAt: now(),
          announcements: 0,
        })
        lost += 1
        world.count('operations taken back from workers that were gone')
      }
      return lost
    },

    due(limit: number) {
      const due = tables
        .openOperations()
        .filter(o => isAsleep(o) && o.announceAt !== undefined && o.announceAt <= now())
        .sort((a, b) => (a.announceAt ?? 0) - (b.announceAt ?? 0))
        .slice(0, limit)
      for (const operation of due) {
        operation.state = 'queued'
        operation.announceAt = now() + 1000 * Math.min(5 * 2 ** Math.min(operation.announcements, 6), 300)
        operation.announcements += 1
      }
      return due.map(({ id, kind, epoch }) => ({ id, kind, epoch }))
    },

    announceAgain(): void {
      for (const o of tables.openOperations()) {
        if (o.state === 'queued' && (o.error === undefined || o.announcements > 0))
          Object.assign(o, { announceAt: now(), announcements: 0 })
      }
    },

    /** When the dispatcher has something to do; undefined where nothing is left that happens by itself. */
    nextDue(): number | undefined {
      let next: number | undefined
      for (const o of tables.openOperations()) {
        const at = o.state === 'running' ? leaseEnd(o) : isAsleep(o) ? o.announceAt : undefined
        if (at !== undefined && (next === undefined || at < next)) next = at
      }
      return next
    },
  }

  function change(operation: OperationRow, { state, ptr }: NonNullable<Outcome['assignment']>): void {
    const assignment = tables.assignments.get(operation.assignment ?? '')
    if (assignment === undefined) return
    if (state === 'active' && assignment.state !== 'reserved' && assignment.state !== 'active') return
    if (ptr !== undefined) assignment.ptr = ptr
    if (state === 'active') assignment.assignedAt ??= now()
    if (state === 'released') assignment.releasedAt = now()
    if (state !== undefined) assignment.state = state
  }

  /** What billing hears through the outbox, in this order. */
  function tell(operation: OperationRow, { type, data }: Message): void {
    const what = { 'address.assigned': 'assigned' as const, 'address.released': 'released' as const }[type]
    const { service, address } = data as { service?: string; address?: string }
    if (what === undefined || service === undefined || address === undefined) return
    const { held = true } = tables.assignments.get(operation.assignment ?? '') ?? {}
    world.see({ kind: 'told', at: now(), what, service, address, held })
  }

  function wakePtrs(line: readonly OperationRow[]): void {
    for (const o of line) {
      if (o.kind === 'ptr' && o.state === 'waiting')
        Object.assign(o, { state: 'queued', announceAt: now(), announcements: 0 })
    }
  }

  function lifeOf({ service }: OperationRow) {
    return tables.services.get(service ?? '')?.state
  }
}

const isAsleep = ({ state }: OperationRow) => state === 'queued' || state === 'parked' || state === 'waiting'

function firstQueued(line: readonly OperationRow[], ended: OperationRow): OperationRow | undefined {
  return line
    .filter(o => o !== ended && o.state === 'queued')
    .reduce<OperationRow | undefined>((first, o) => (first && first.seq < o.seq ? first : o), undefined)
}

function claimed(tables: Tables, operation: OperationRow): Claimed {
  const { id, kind, epoch, attempts, cause, payload, stamp } = operation
  const service = tables.services.get(operation.service ?? '')
  const assignment = tables.assignments.get(operation.assignment ?? '')
  const server = payload.leaves?.server || service?.server
  const guest = payload.leaves ? payload.leaves.guest : service?.guest
  return {
    id,
    kind,
    epoch,
    attempts,
    cause,
    payload,
    stamp,
    createdAt: new Date(operation.createdAt),
    service: service && ({ serverId: server, ...service, guest, server } as ClaimedService),
    assignment: assignment && claimedAssignment(assignment),
    connectionId: operation.connection ?? assignment?.connection ?? (server ? connection : undefined),
  }
}

function claimedAssignment(row: AssignmentRow): ClaimedAssignment {
  const {
    id,
    slot,
    family,
    state,
    address,
    space,
    licence,
    held,
    requested,
    pool,
    ptrWish,
    ptrStamp,
    conflicts,
  } = row
  const isHeld = { id, slot, family, state, address, addressSpace: space, licence, held }
  return { requested, pool, ptrWish, ptrStamp, conflicts, ...isHeld }
}
