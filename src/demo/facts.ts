import type { App } from '../app.ts'
import type { Family } from '../domain/address.ts'
import type { OperationKind, OperationState } from '../domain/states.ts'

/** What the ledger says about how it went. */
export type Facts = Awaited<ReturnType<typeof gatherFacts>>

/** Reads from the ledger what the demo tells of. */
export async function gatherFacts({ db, desk, pools }: App) {
  const [operations, conflicts, failed, waited, comebacks, shared, fill, tenants] = await Promise.all([
    db.operation.groupBy({ by: ['kind', 'state'], _count: true }),
    desk.conflicts.list({ limit: 1_000 }),
    desk.operations.list({ state: 'failed', limit: 1_000 }),
    // Whoever found the pools full has it in the log of steps.
    db.$queryRaw<{ service: string; slot: string; state: OperationState; seconds: number }[]>`
      select o.service_id as service, a.slot, o.state,
        extract(epoch from coalesce(o.ended_at, now()) - o.created_at)::float8 as seconds
      from operation o join assignment a on a.id = o.assignment_id
      where exists (select from operation_step s where s.operation_id = o.id and s.detail like 'pool_exhausted%')
      order by o.seq`,
    db.$queryRaw<{ service: string; address: string; isFormer: boolean }[]>`
      select a.service_id as service, host(a.address) as address, a.address = f.address as "isFormer"
      from assignment a cross join lateral (
        select f.address from assignment f
        where f.service_id = a.service_id and f.slot = a.slot and f.family = a.family and f.state = 'released' and f.address is not null
        order by f.released_at desc limit 1) f
      where a.state = 'active' and a.slot = 'main' order by a.service_id`,
    db.$queryRaw<{ licence: string; address: string; holder: string }[]>`
      select l.service_id as licence, host(l.address) as address, a.service_id as holder
      from assignment l join assignment a on a.address = l.address and a.state = 'active' and not a.licence
      where l.licence and l.state = 'active' order by l.service_id`,
    pools.fill(),
    db.assignment.groupBy({ by: ['family'], where: { state: 'active' }, _count: true }),
  ])
  return {
    operations: operations.map(({ kind, state, _count }) => ({
      kind: kind as OperationKind,
      state: state as OperationState,
      count: _count,
    })),
    conflicts: conflicts.items,
    failed: failed.items,
    waited,
    comebacks,
    shared,
    pools: fill,
    live: new Map(tenants.map(({ family, _count }) => [family as Family, _count])),
  }
}

/** What has been told to billing so far, by the message's type. */
export async function messagesTold({ db }: App): Promise<Map<string, number>> {
  const rows = await db.outbox.groupBy({ by: ['type'], _count: true })
  return new Map(rows.map(({ type, _count }) => [type, _count]))
}
