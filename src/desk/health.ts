import { type Db, sqlState } from '../db/client.ts'
import { readMigrations } from '../db/migrate.ts'
import { overdueSeconds } from '../domain/night.ts'
import type { PoolDesk as PoolBooks, PoolFill } from '../ipam/builtin/pools.ts'

/** Numbers about everything, and names of nobody. */
export interface Measures {
  operations: { kind: string; state: string; count: number }[]
  events: { status: string; count: number }[]
  /** How long the operation that has waited longest could have been running by now, in seconds; 0 for none. */
  oldestDueSeconds: number
  pools: PoolFill[]
  openConflicts: number
  /** How long ago a comparison last came to its end, for connections that ever had one. */
  reconciled: { connection: string; secondsAgo: number }[]
  /** Connections of which none has come to its end for two nights, as long as there are that old. */
  overdue: string[]
  /** How many addresses in the IPAMs carry markers that ipbridge made but the ledger does not know, at the latest look. */
  lost: { connection: string; count: number }[]
}

const undefinedTable = '42P01'

/** How ipbridge itself is doing, for probes and metrics. */
export function healthDesk({ db, pools }: { db: Db; pools: PoolBooks }) {
  return {
    /** The migrations that the database lacks. Throws unless the database answers. */
    async pendingMigrations(): Promise<string[]> {
      const ours = await readMigrations()
      const applied = await appliedMigrations(db)
      return ours.flatMap(({ name }) => (applied.has(name) ? [] : name))
    },

    async measures(): Promise<Measures> {
      const [operations, events, oldest, conflicts, reconciled, overdue, lost, fill] = await Promise.all([
        db.$queryRaw<{ kind: string; state: string; count: bigint }[]>`
          select kind, state, count(*) as count from operation group by 1, 2`,
        db.$queryRaw<
          { status: string; count: bigint }[]
        >`select status, count(*) as count from event group by 1`,
        oldestDue(db),
        db.conflict.count({ where: { resolvedAt: null } }),
        db.$queryRaw<{ connection: string; secondsAgo: number }[]>`
          select c.name as connection, extract(epoch from now() - max(r.ended_at))::float8 as "secondsAgo"
          from reconciliation r join connection c on c.id = r.connection_id
          where r.state in ('planned', 'applied') group by c.name`,
        db.$queryRaw<{ name: string }[]>`
          select c.name from connection c
          where c.created_at < now() - ${overdueSeconds}::int * interval '1 second' and not exists (
            select from reconciliation r where r.connection_id = c.id and r.state in ('planned', 'applied')
              and r.ended_at > now() - ${overdueSeconds}::int * interval '1 second')
          order by c.name`,
        db.$queryRaw<{ connection: string; count: number }[]>`
          select c.name as connection, (l.counts ->> 'lost')::int as count
          from connection c cross join lateral (
            select r.counts from reconciliation r where r.connection_id = c.id and r.state in ('planned', 'applied')
            order by r.id desc limit 1) l
          where l.counts ? 'lost' order by c.name`,
        pools.fill(),
      ])
      return {
        operations: operations.map(row => ({ ...row, count: Number(row.count) })),
        events: events.map(row => ({ ...row, count: Number(row.count) })),
        oldestDueSeconds: oldest,
        pools: fill,
        openConflicts: conflicts,
        reconciled,
        overdue: overdue.map(({ name }) => name),
        lost,
      }
    },
  }
}

async function appliedMigrations(db: Db): Promise<Set<string>> {
  try {
    const rows = await db.$queryRaw<{ name: string }[]>`
      select migration_name as name from _prisma_migrations where finished_at is not null and rolled_back_at is null`
    return new Set(rows.map(row => row.name))
  } catch (error) {
    if (sqlState(error) === undefinedTable) return new Set()
    throw error
  }
}

/**
 * Of operations that nothing holds up: neither an earlier one of their service nor a pause before the next
 * try. When they became due follows from the next announcement, since the pauses between announcements double
 * from five seconds on (src/db/operations.ts).
 */
async function oldestDue(db: Db): Promise<number> {
  const [row] = await db.$queryRaw<{ seconds: number | null }[]>`
    select extract(epoch from max(now() - due.since))::float8 as seconds
    from (
      select o.announce_at - (5 * 2 ^ least(o.announcements, 6) + 300 * greatest(o.announcements - 6, 0)) * interval '1 second' as since
      from operation o
      where o.state = 'queued' and not exists (
        select from operation e
        where e.service_id = o.service_id and (e.state = 'running' or (e.state = 'queued' and e.seq < o.seq)))) due`
  return Math.max(row?.seconds ?? 0, 0)
}
