import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Migration, migrate, pendingAt, readMigrations } from '../../../src/db/migrate.ts'
import { packageRoot } from '../../../src/package-root.ts'
import { createEmptyDatabase, type EmptyDatabase } from '../../helpers/empty-database.ts'
import { until } from '../../helpers/until.ts'

let database: EmptyDatabase
beforeEach(async () => {
  database = await createEmptyDatabase()
})
afterEach(() => database.drop())

const migration = (name: string, sql: string): Migration => ({
  name,
  sql,
  checksum: createHash('sha256').update(sql).digest('hex'),
})
const one = migration('1_one', 'create table one (id int); insert into one values (1)')
const two = migration('2_two', 'create table two (id int)')
const failing = migration('3_failing', 'create table three (id int); select 1 / 0')

const tables = async () =>
  (
    await database.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
    )
  ).map(({ name }) => name)

const book = async () =>
  database.query<{ name: string; finished: boolean }>(
    'select migration_name as name, finished_at is not null as finished from _prisma_migrations order by 1',
  )

describe('A database that is migrated', () => {
  it('has everything that comes with this version, in order, and says so', async () => {
    const names = (await readMigrations()).map(({ name }) => name)
    expect(names).toEqual(names.toSorted())
    expect(await pendingAt(database.url)).toEqual(names)
    expect(await migrate(database.url)).toEqual(names)
    expect(await pendingAt(database.url)).toEqual([])
    expect(await tables()).toEqual(expect.arrayContaining(['assignment', 'event', 'operation', 'pool']))
  })

  it('a second time stays as it is', async () => {
    await migrate(database.url, [one])
    expect(await migrate(database.url, [one])).toEqual([])
    expect(await database.query('select * from one')).toEqual([{ id: 1 }])
    expect(await book()).toEqual([{ name: '1_one', finished: true }])
  })

  it('gets only what it lacks', async () => {
    await migrate(database.url, [one])
    expect(await migrate(database.url, [one, two])).toEqual(['2_two'])
  })

  it('by eight starters at once is migrated by one of them', async () => {
    const starters = await Promise.all(Array.from({ length: 8 }, () => migrate(database.url)))
    const names = (await readMigrations()).map(({ name }) => name)
    expect(starters.filter(applied => applied.length > 0)).toEqual([names])
    expect((await book()).map(({ name }) => name)).toEqual(names)
  })

  it('is left alone when it was only looked at', async () => {
    await pendingAt(database.url)
    expect(await tables()).toEqual([])
  })
})

describe('A migration', () => {
  it('that fails leaves nothing behind, nor do those before it', async () => {
    await expect(migrate(database.url, [one, two, failing])).rejects.toMatchObject({
      code: 'internal',
      message: 'migration 3_failing failed and nothing was changed: division by zero',
    })
    expect(await tables()).toEqual([])
  })

  it('that fails keeps what was there before, and can be tried again', async () => {
    await migrate(database.url, [one])
    await expect(migrate(database.url, [one, two, failing])).rejects.toThrow('3_failing')
    expect(await tables()).toEqual(['_prisma_migrations', 'one'])
    expect(await migrate(database.url, [one, two])).toEqual(['2_two'])
  })

  it('that was applied in another form is refused, and nothing else is applied', async () => {
    await migrate(database.url, [one])
    const changed = migration('1_one', 'create table one (id bigint)')
    await expect(migrate(database.url, [changed, two])).rejects.toMatchObject({
      code: 'invalid_configuration',
      message:
        'migration 1_one was applied to this database in another form; use the version of ipbridge that the database belongs to',
    })
    expect(await tables()).toEqual(['_prisma_migrations', 'one'])
  })

  it('cannot begin where there is no database', async () => {
    await expect(migrate(database.url.replace(/[^/]+$/, 'nowhere'))).rejects.toThrow('does not exist')
  })
})

describe('Beside Prisma’s own `migrate deploy`', () => {
  /** What Prisma 7 makes for itself. */
  const prismasBook = `CREATE TABLE _prisma_migrations (
    id VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    finished_at TIMESTAMPTZ,
    migration_name VARCHAR(255) NOT NULL,
    logs TEXT,
    rolled_back_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
  )`
  const columns = `select column_name, data_type, character_maximum_length, is_nullable, column_default
    from information_schema.columns where table_name = '_prisma_migrations' order by ordinal_position`

  it('the book of migrations is the same', async () => {
    await migrate(database.url, [one])
    const ours = await database.query(columns)
    await database.query('drop table _prisma_migrations')
    await database.query(prismasBook)
    expect(ours).toEqual(await database.query(columns))
  })

  it('the checksum of a migration is that of its file', async () => {
    for (const { name, checksum } of await readMigrations()) {
      const file = await readFile(join(packageRoot, 'prisma', 'migrations', name, 'migration.sql'))
      expect(checksum).toBe(createHash('sha256').update(file).digest('hex'))
    }
  })

  it('what Prisma applied is not applied again; what it failed at or took back is', async () => {
    await database.query(prismasBook)
    await database.query(one.sql)
    await database.query(
      `insert into _prisma_migrations (id, checksum, migration_name, finished_at, rolled_back_at, applied_steps_count) values
        ('a', $1, '1_one', now(), null, 1), ('b', $2, '2_two', null, null, 0),
        ('c', 'other', '2_two', now(), now(), 1), ('d', 'other', '0_of_somebody_else', now(), null, 1)`,
      [one.checksum, two.checksum],
    )
    expect(await migrate(database.url, [one, two])).toEqual(['2_two'])
    expect(await tables()).toEqual(['_prisma_migrations', 'one', 'two'])
  })

  it('one waits for the other', async () => {
    const prisma = new pg.Client({ connectionString: database.url })
    await prisma.connect()
    await prisma.query('select pg_advisory_lock(72707369)')
    const ours = migrate(database.url, [one, two])
    const waiting = `select from pg_stat_activity where wait_event = 'advisory' and datname = current_database()`
    await until('ours waits', async () => (await prisma.query(waiting)).rowCount)
    await prisma.query(prismasBook)
    await prisma.query(one.sql)
    await prisma.query(
      `insert into _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       values ('a', $1, '1_one', now(), 1)`,
      [one.checksum],
    )
    await prisma.end()
    expect(await ours).toEqual(['2_two'])
  })
})
