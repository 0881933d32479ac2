import type { Deed } from './journal.ts'
import type { Postgres } from './postgres.ts'

/** An operation that took longer than this since it was asked for was delayed. */
const delayedMs = 5_000

interface Row {
  kind: string
  state: string
  code: string | null
  epoch: number
  created: number
  ended: number
}

export type Figures = Awaited<ReturnType<typeof measure>>

/** Reads from the ledger how it went. */
export async function measure(postgres: Postgres, deeds: readonly Deed[]) {
  const rows = await postgres.ask<Row>(`
    select kind, state, error_code as code, epoch, extract(epoch from created_at)::float8 * 1000 as created,
      extract(epoch from coalesce(ended_at, now()))::float8 * 1000 as ended
    from operation order by ended_at`)
  const taken = rows.map(({ created, ended }) => ended - created).sort((a, b) => a - b)
  const percentile = (share: number) => Math.round(taken[Math.floor(share * (taken.length - 1))] ?? 0)
  const slowest = await postgres.ask<{ what: string; steps: string[] }>(`
    select kind || ' of service ' || service_id as what, array(
      select round(extract(epoch from s.at - o.created_at)::numeric, 1) || ' s ' || s.name || ' ' || s.outcome || coalesce(' (' || left(s.detail, 90) || ')', '')
      from operation_step s where s.operation_id = o.id order by s.at) as steps
    from (select * from operation order by coalesce(ended_at, now()) - created_at desc limit 1) o`)
  const [steps] = await postgres.ask<{ recovered: number }>(
    `select count(*)::int as recovered from operation_step where name = 'recover'`,
  )
  return {
    operations: rows.length,
    byState: count(rows.map(({ kind, state }) => `${kind} ${state}`)),
    failures: count(
      rows.filter(({ state }) => state === 'failed').map(({ kind, code }) => `${kind} ${code}`),
    ),
    delayed: taken.filter(ms => ms > delayedMs).length,
    retries: rows.reduce((sum, { epoch }) => sum + Math.max(0, epoch - 1), 0),
    takenFromTheDead: steps?.recovered ?? 0,
    ms: { p50: percentile(0.5), p99: percentile(0.99), longest: percentile(1) },
    slowest: slowest[0],
    longestStandstillMs: Math.round(longestGap(rows.map(({ ended }) => ended))),
    recoveries: deeds.map(({ kind, to }) => ({ kind, ms: Math.round(recovery(rows, to)) })),
  }
}

/** How long it took until all was done that was under way when a trouble was over. */
function recovery(rows: readonly Row[], at: number): number {
  const open = rows.filter(({ created, ended }) => created <= at && ended > at)
  return Math.max(0, ...open.map(({ ended }) => ended - at))
}

function longestGap(moments: readonly number[]): number {
  return moments.reduce((longest, at, n) => Math.max(longest, at - (moments[n - 1] ?? at)), 0)
}

function count(items: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1
  return counts
}
