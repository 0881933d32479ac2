import type { App } from '../../app.ts'
import type { Measures } from '../../desk/health.ts'
import { bad, type Check, ok, span, warning } from './check.ts'

/** Between two nightly reconciliations, in seconds. */
const period = 86_400

/** How long due work may lie before somebody should look, and before surely nobody works; in seconds. */
const lateAfter = 60
const stuckAfter = 600

/** Whether the work is done: what is due, what failed, what waits, and when each IPAM was last compared. */
export async function checkWork({ desk, config }: App): Promise<Check[]> {
  const [measures, connections] = await Promise.all([
    desk.health.measures(),
    desk.connections.list({ limit: 1_000 }),
  ])
  return [
    checkAge(measures.oldestDueSeconds),
    checkCount(
      measures,
      'failed',
      'see `ipbridge operation list --state failed`; mend the cause, then retry or cancel them',
    ),
    checkCount(measures, 'parked', 'they wait for a free address: add a pool or give addresses back'),
    measures.openConflicts === 0
      ? ok('conflicts', 'none is open')
      : warning('conflicts', `${measures.openConflicts} are open`, 'see `ipbridge conflict list --open`'),
    ...checkPools(measures),
    ...measures.lost.map(({ connection, count }) =>
      warning(
        `ledger of ${connection}`,
        `${count} addresses there were given out by ipbridge, but not by this ledger as it is now`,
        'where it was restored from a backup: docs/guides/backup-and-restore.md; else see who shares that IPAM',
      ),
    ),
    ...(config.nightly === undefined
      ? [
          warning(
            'reconciliation',
            'none by night: IPBRIDGE_RECONCILE_AT is off',
            'run `ipbridge reconcile` by yourself',
          ),
        ]
      : connections.items.map(connection => checkReconciled(connection, measures))),
  ]
}

function checkAge(seconds: number): Check {
  if (seconds < lateAfter)
    return ok('queue age', seconds < 1 ? 'nothing waits' : `what is due waits for ${span(seconds)}`)
  const found = `the oldest operation that is due has waited for ${span(seconds)}`
  const todo =
    'see that `ipbridge worker` (or `start`) runs for all kinds of operations, and start more of them'
  return seconds < stuckAfter ? warning('queue age', found, todo) : bad('queue age', found, todo)
}

function checkCount(measures: Measures, state: string, todo: string): Check {
  const rows = measures.operations.filter(row => row.state === state)
  const name = `${state} operations`
  if (rows.length === 0) return ok(name, 'none')
  return warning(name, rows.map(({ kind, count }) => `${count} ${kind}`).join(', '), todo)
}

function checkPools({ pools }: Measures): Check[] {
  if (pools.length === 0) return []
  const full = pools.filter(pool => pool.free === '0').map(pool => pool.name)
  if (full.length === 0) return [ok('pools', `all ${pools.length} have space`)]
  return [
    warning(
      'pools',
      `no address is free in ${full.join(', ')}`,
      'add a pool (`ipbridge pool add`) or give addresses back',
    ),
  ]
}

function checkReconciled(connection: { name: string; createdAt: Date }, { reconciled }: Measures): Check {
  const name = `reconciliation of ${connection.name}`
  const last = reconciled.find(row => row.connection === connection.name)?.secondsAgo
  if (last !== undefined && last < 2 * period) return ok(name, `the last one ended ${span(last)} ago`)
  const age = (Date.now() - connection.createdAt.getTime()) / 1_000
  if (last === undefined && age < 2 * period) return ok(name, 'none yet; the first one comes by night')
  const found =
    last === undefined ? `none has ever ended, in ${span(age)}` : `the last one ended ${span(last)} ago`
  return bad(
    name,
    found,
    `run \`ipbridge reconcile --connection ${connection.name}\` and see why it does not end`,
  )
}
