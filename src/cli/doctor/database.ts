import type { App } from '../../app.ts'
import { pendingAt } from '../../db/migrate.ts'
import { bad, type Check, examine, ok, span, warning } from './check.ts'

/** The oldest that has all that the ledger needs. */
const oldestVersion = 130_000

/** Leases and the order of events without a sequence rest on clocks that agree, in seconds. */
const tolerableSkew = 2
const mostSkew = 60

const reach = 'see that PostgreSQL runs and that it can be reached from here as DATABASE_URL says'

/** PostgreSQL: whether it answers, its version, its clock and whether the ledger is up to date. */
export async function checkDatabase(app: App): Promise<Check[]> {
  const server = await examine('PostgreSQL', reach, () => checkServer(app))
  if (server.some(({ status }) => status === 'bad')) return server
  return [...server, ...(await examine('migrations', reach, () => checkMigrations(app)))]
}

async function checkServer({ db, config }: App): Promise<Check[]> {
  const asked = Date.now()
  const [row] = await db.$queryRaw<{ version: string; number: number; now: Date; standby: boolean }[]>`
    select split_part(current_setting('server_version'), ' ', 1) as version,
      current_setting('server_version_num')::int as number, clock_timestamp() as now, pg_is_in_recovery() as standby`
  const answered = Date.now()
  if (row === undefined) return [bad('PostgreSQL', 'it gave no answer', reach)]
  const where =
    config.databaseUrl === undefined ? `embedded, in ${config.dataDir}` : 'the one of DATABASE_URL'
  const found = `${row.version}, ${where}`
  return [
    row.number < oldestVersion
      ? bad('PostgreSQL', found, 'upgrade it to version 13 or later')
      : row.standby
        ? bad('PostgreSQL', `${found}, a standby that takes no changes`, 'let DATABASE_URL name the primary')
        : ok('PostgreSQL', found),
    checkClock((row.now.getTime() - (asked + answered) / 2) / 1_000, (answered - asked) / 2_000),
  ]
}

/** @param skew how far the database's clock is ahead of ours @param doubt how well that is known; both in seconds */
function checkClock(skew: number, doubt: number): Check {
  const off = Math.max(Math.abs(skew) - doubt, 0)
  const found = `the database's clock and ours differ by ${off < 1 ? 'less than a second' : span(off)}`
  const todo = 'synchronise the clocks of all hosts (NTP)'
  if (off > mostSkew) return bad('clock', found, todo)
  return off > tolerableSkew ? warning('clock', found, todo) : ok('clock', found)
}

async function checkMigrations({ config, desk }: App): Promise<Check[]> {
  const pending =
    config.databaseUrl === undefined
      ? await desk.health.pendingMigrations()
      : await pendingAt(config.databaseUrl)
  if (pending.length === 0) return [ok('migrations', 'the database is up to date')]
  return [bad('migrations', `${pending.length} are missing: ${pending.join(', ')}`, 'run `ipbridge migrate`')]
}
