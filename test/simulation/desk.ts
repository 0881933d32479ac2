import { decideConflict, type Resolution, type Side } from '../../src/domain/conflict.ts'
import { isFinal } from '../../src/domain/states.ts'
import type { World } from './outside.ts'
import type { SimulatedQueue } from './queue.ts'
import { connection } from './snapshot.ts'
import type { ConflictRow, OperationRow, Tables } from './tables.ts'

export type SimulatedDesk = ReturnType<typeof simulatedDesk>

/** What operators do, as src/desk/operations.ts, conflicts.ts and reconciliations.ts do it in SQL. */
export function simulatedDesk(world: World, { tables, queue }: { tables: Tables; queue: SimulatedQueue }) {
  const now = () => world.scheduler.now()

  const canBeRetried = ({ state }: OperationRow) => state !== 'running' && !isFinal(state)
  const canBeCancelled = (row: OperationRow) =>
    row.kind !== 'release' && !isFinal(row.state) && !isReplacement(row)

  /** Whether another address of the service is given back once this one works. */
  function isReplacement({ kind, service, assignment }: OperationRow): boolean {
    const anew = tables.assignments.get(assignment ?? '')
    if (kind !== 'allocate' || (anew?.state !== 'pending' && anew?.state !== 'reserved')) return false
    return tables
      .operationsOf(service ?? '')
      .some(
        o =>
          o.kind === 'release' &&
          o.payload.replacedBy === assignment &&
          !isFinal(o.state) &&
          tables.assignments.get(o.assignment ?? '')?.state !== 'released',
      )
  }

  function retry(row: OperationRow): void {
    world.tell('an operator', `retries ${row.kind} ${row.id}, which is ${row.state}`)
    world.count('retries by operators')
    Object.assign(row, {
      state: 'queued',
      attempts: 0,
      error: undefined,
      endedAt: undefined,
      announceAt: now() + 5_000,
      announcements: 0,
    })
    tables.reopen(row)
    queue.forget(`${row.kind}-${row.id}`)
    void queue.announce([row])
  }

  function cancel(row: OperationRow): void {
    world.tell('an operator', `cancels ${row.kind} ${row.id}, which is ${row.state}`)
    world.count('cancellations by operators')
    const { leaseUntil } = row
    Object.assign(row, {
      state: 'cancelled',
      epoch: row.epoch + 1,
      leaseUntil: undefined,
      announceAt: undefined,
      endedAt: now(),
    })
    world.see({ kind: 'ended', at: now(), operation: row.id, state: 'cancelled' })
    queue.forget(`${row.kind}-${row.id}`)
    const assignment = tables.assignments.get(row.assignment ?? '')
    if (row.kind !== 'allocate' || (assignment?.state !== 'pending' && assignment?.state !== 'reserved'))
      return
    assignment.state = 'releasing'
    const service = tables.services.get(row.service ?? '')
    const guest = service?.guest === undefined ? {} : { guest: service.guest }
    const release = tables.insertOperation({
      id: tables.newId(),
      kind: 'release',
      state: leaseUntil === undefined ? 'queued' : 'parked',
      service: row.service,
      assignment: row.assignment,
      event: undefined,
      cause: 'operator:simulated',
      payload: service?.server ? { leaves: { server: service.server, ...guest } } : {},
      stamp: undefined,
      announceAt: Math.max(now() + 5_000, leaseUntil ?? 0),
      createdAt: now(),
    })
    if (leaseUntil === undefined) void queue.announce([release])
  }

  /** One side of a conflict, as src/db/conflicts.ts reads it. */
  function sideOf(id: string): Side {
    const row = tables.assignments.get(id)
    const busy = [...tables.openOperations()].some(o => o.assignment === id && o.state === 'running')
    const { service = '', state = 'released', address = null, connection = null, conflicts = 0 } = row ?? {}
    const { server = null, guest = null } = tables.services.get(service) ?? {}
    return { assignment: id, service, state, address, connection, busy, server, guest, conflicts }
  }

  function stateOf(id: string) {
    const { state, seq } = tables.operations.get(id) as OperationRow
    return { operation: id, state, seq }
  }

  function decide(conflict: ConflictRow, resolution: Resolution): boolean {
    const { id, address, marker } = conflict
    const [undone] = [...tables.conflicts.values()]
      .filter(other => other.address === address)
      .flatMap(other => other.decisions.map(operation => ({ conflict: other.id, operation })))
      .map(({ conflict, operation }) => ({ conflict, ...stateOf(operation) }))
      .filter(({ state }) => !isFinal(state))
      .sort((a, b) => b.seq - a.seq)
    const live = [...tables.assignments.values()].find(
      a => a.address === address && a.state !== 'released' && !a.licence,
    )
    const metHolder = tables.assignments.get(conflict.holder)?.service ?? ''
    const last = tables
      .assignmentsOf(metHolder)
      .filter(a => a.address === address && !a.licence)
      .sort((a, b) => (b.releasedAt ?? Infinity) - (a.releasedAt ?? Infinity))[0]
    const decision = decideConflict(
      {
        id,
        address,
        connection,
        marker,
        resolved: conflict.isResolved,
        decided: undone,
        holder: sideOf((live ?? last)?.id ?? conflict.holder),
        metHolder,
        claimant: sideOf(conflict.claimant),
        heldBy: live?.service,
      },
      resolution,
      tables.newId,
    )
    if ('why' in decision) return false
    world.tell('an operator', `decides for the ${resolution} of ${address}`)
    world.count('conflicts decided by operators')
    conflict.decisions = decision.operations.map(operation => operation.id)
    for (const { assignment, by, requested } of decision.replaced) replace(assignment, by, requested)
    const entered = decision.operations.map(({ service, assignment, connection, ...operation }) =>
      tables.insertOperation({
        ...operation,
        connection: connection ?? undefined,
        state: 'queued',
        service: service ?? undefined,
        assignment: assignment ?? undefined,
        event: undefined,
        cause: 'operator:simulated',
        stamp: undefined,
        announceAt: now() + 5_000,
        createdAt: now(),
      }),
    )
    void queue.announce(entered)
    return true
  }

  function replace(id: string, by: string, requested: string | null): void {
    const row = tables.assignments.get(id)
    if (row === undefined) return
    row.state = 'releasing'
    for (const o of tables.openOperations()) {
      const waits = o.state === 'queued' || o.state === 'waiting' || o.state === 'parked'
      if (o.assignment !== id || !waits || o.kind === 'release') continue
      Object.assign(o, { state: 'superseded', announceAt: undefined, endedAt: now() })
    }
    const { requested: _, pool, ...rest } = row
    tables.insertAssignment({
      ...rest,
      ...(requested === null ? (pool === undefined ? {} : { pool }) : { requested }),
      id: by,
      replaces: id,
      state: 'pending',
      address: undefined,
      space: undefined,
      connection: undefined,
      ptr: null,
      conflicts: 0,
      assignedAt: undefined,
      releasedAt: undefined,
    })
  }

  const nth = <T>(of: T[], n: number) => of[n % Math.max(of.length, 1)]
  const operations = (which: (row: OperationRow) => boolean) => [...tables.operations.values()].filter(which)
  const openConflicts = () => [...tables.conflicts.values()].filter(({ isResolved }) => !isResolved)

  return {
    retryNth(n: number): void {
      const row = nth(operations(canBeRetried), n)
      if (row) retry(row)
    },
    cancelNth(n: number): void {
      const row = nth(operations(canBeCancelled), n)
      if (row) cancel(row)
    },
    decideNth(n: number, resolution: Resolution): void {
      const conflict = nth(openConflicts(), n)
      if (conflict) decide(conflict, resolution)
    },

    /** Starts a comparison, unless one is under way. */
    reconcile(cause: string): void {
      const isUnderWay = ({ kind, state }: OperationRow) =>
        kind === 'reconcile' && (state === 'queued' || state === 'running')
      if (tables.openOperations().some(isUnderWay)) return
      const operation = tables.insertOperation({
        id: tables.newId(),
        kind: 'reconcile',
        state: 'queued',
        service: undefined,
        assignment: undefined,
        connection,
        event: undefined,
        cause,
        payload: {},
        stamp: undefined,
        announceAt: now() + 5_000,
        createdAt: now(),
      })
      void queue.announce([operation])
    },

    /** What an operator does once all is well again. @returns how many there were */
    retryFailed(): number {
      const failed = operations(({ state }) => state === 'failed')
      failed.forEach(retry)
      return failed.length
    },
    /** @returns how many conflicts could be decided in one way or another */
    decideAll(): number {
      const ways: Resolution[] = ['claimant', 'holder', 'free']
      const first = world.random.int(ways.length)
      const inTurn = [...ways.slice(first), ...ways.slice(0, first)]
      return openConflicts().filter(conflict => inTurn.some(way => decide(conflict, way))).length
    },
  }
}
