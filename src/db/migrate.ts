import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { IpbridgeError } from '../errors.ts'
import { packageRoot } from '../package-root.ts'

export interface Migration {
  name: string
  sql: string
  checksum: string
}

/** The advisory lock that Prisma's own `migrate deploy` takes, so that both can be used on one database. */
const prismaLock = 72_707_369

/** Prisma's book of migrations, exactly as Prisma makes it. */
const bookOfMigrations = `
  create table if not exists _prisma_migrations (
    id varchar(36) primary key not null,
    checksum varchar(64) not null,
    finished_at timestamptz,
    migration_name varchar(255) not null,
    logs text,
    rolled_back_at timestamptz,
    started_at timestamptz not null default now(),
    applied_steps_count integer not null default 0
  )`

/** The migrations that come with this version, in order. */
export async function readMigrations(): Promise<Migration[]> {
  const folder = join(packageRoot, 'prisma', 'migrations')
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.filter(entry => entry.isDirectory()).map(entry => entry.name)
  return Promise.all(
    names.sort().map(async name => {
      const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

/**
 * Brings the database up to date: all pending migrations in one transaction, so that it is never half
 * migrated, behind a lock, so that any number of starters may try at once.
 *
 * @param migrations default: those that come with this version
 * @returns the names of those that were applied now
 * @throws invalid_configuration where an applied migration was changed afterwards
 */
export async function migrate(url: string, migrations?: Migration[]): Promise<string[]> {
  const known = migrations ?? (await readMigrations())
  return connected(url, 'ipbridge migrate', async client => {
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock($1)', [prismaLock])
    await client.query(bookOfMigrations)
    const pending = await pendingOf(known, client)
    for (const migration of pending) await apply(client, migration)
    await client.query('commit')
    return pending.map(migration => migration.name)
  })
}

/** The migrations that the database still lacks. Changes nothing; every one of them where there is no ledger. */
export async function pendingAt(url: string): Promise<string[]> {
  const migrations = await readMigrations()
  return connected(url, 'ipbridge doctor', async client => {
    const book = await client.query(`select to_regclass('_prisma_migrations') is not null as there`)
    const pending = book.rows[0].there ? await pendingOf(migrations, client) : migrations
    return pending.map(migration => migration.name)
  })
}

/** Does something on a connection of its own. Its end also rolls back what was not committed. */
async function connected<T>(url: string, name: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: name })
  // A connection that breaks fails the query that waits for it; unheard, it would also end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

async function pendingOf(migrations: Migration[], client: pg.Client): Promise<Migration[]> {
  const { rows } = await client.query<{ migration_name: string; checksum: string }>(
    'select migration_name, checksum from _prisma_migrations where finished_at is not null and rolled_back_at is null',
  )
  const applied = new Map(rows.map(row => [row.migration_name, row.checksum]))
  const changed = migrations.find(({ name, checksum }) => applied.has(name) && applied.get(name) !== checksum)
  if (changed) {
    throw new IpbridgeError(
      'invalid_configuration',
      `migration ${changed.name} was applied to this database in another form; use the version of ipbridge that the database belongs to`,
    )
  }
  return migrations.filter(({ name }) => !applied.has(name))
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  try {
    await client.query(sql)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new IpbridgeError('internal', `migration ${name} failed and nothing was changed: ${why}`, { cause })
  }
  await client.query(
    `insert into _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
     values ($1, $2, $3, now(), 1)`,
    [randomUUID(), checksum, name],
  )
}
