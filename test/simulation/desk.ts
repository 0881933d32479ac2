import { isTerminal } from '../../src/domain/states.ts'
import type { World } from './outside.ts'
import type { SimulatedQueue } from './queue.ts'
import type { OperationRow, Tables } from './tables.ts'

export type SimulatedDesk = ReturnType<typeof simulatedDesk>

/** What operators do, as src/desk/operations.ts does it in SQL. */
export function simulatedDesk(world: World, { tables, queue }: { tables: Tables; queue: SimulatedQueue }) {
  const now = () => world.scheduler.now()

  const canBeRetried = ({ state }: OperationRow) =>
    state !== 'running' && (state === 'failed' || !isTerminal(state))
  const canBeCancelled = ({ kind, state }: OperationRow) =>
    kind !== 'release' && (state === 'failed' || !isTerminal(state))

  function retry(row: OperationRow): void {
    world.tell('an operator', `retries ${row.kind} ${row.id}, which is ${row.state}`)
    Object.assign(row, {
      state: 'queued',
      attempts: 0,
      error: undefined,
      announceAt: now() + 5_000,
      announcements: 0,
    })
    tables.reopen(row)
    queue.forget(`${row.kind}-${row.id}`)
    void queue.announce([row])
  }

  function cancel(row: OperationRow): void {
    world.tell('an operator', `cancels ${row.kind} ${row.id}, which is ${row.state}`)
    const { leaseUntil } = row
    Object.assign(row, {
      state: 'cancelled',
      epoch: row.epoch + 1,
      leaseUntil: undefined,
      announceAt: undefined,
    })
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

  const nth = (of: (row: OperationRow) => boolean, n: number) => {
    const rows = [...tables.operations.values()].filter(of)
    return rows[n % Math.max(rows.length, 1)]
  }

  return {
    retryNth(n: number): void {
      const row = nth(canBeRetried, n)
      if (row) retry(row)
    },
    cancelNth(n: number): void {
      const row = nth(canBeCancelled, n)
      if (row) cancel(row)
    },
    /** What an operator does once all is well again. @returns how many there were */
    retryFailed(): number {
      const failed = [...tables.operations.values()].filter(({ state }) => state === 'failed')
      failed.forEach(retry)
      return failed.length
    },
  }
}
