import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { openEmbeddedPostgres, removeEmbeddedPostgres } from '../../src/db/embedded/postgres.ts'
import { migrate } from '../../src/db/migrate.ts'
import { migrateQueueTables } from '../../src/queue/backend.ts'
import { startRedis } from './redis.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A PostgreSQL for tests; each test file makes a database of its own in it. */
    postgresUrl: string
    /** The migrated database that they are copied from: this run's own, since others may use the same server. */
    templateDatabase: string
    /** A Redis of the test run's own; undefined where no redis-server is installed. */
    redisUrl: string | undefined
  }
}

const redisMissing = 'redis-server is not installed: the tests on the Redis queue are skipped'

/**
 * Once for all tests: a PostgreSQL (TEST_DATABASE_URL, else the embedded one) with a migrated template
 * database, and a Redis where redis-server is installed.
 */
export default async function setup(project: TestProject) {
  const redis = await startRedis()
  if (redis === undefined) {
    if (process.env['CI'])
      throw new Error('redis-server is not installed: CI must run the tests of both queues')
    console.warn(redisMissing)
  }
  const folder = await mkdtemp(join(tmpdir(), 'ipbridge-test-'))
  // Root lends PostgreSQL another user, who must be able to pass.
  await chmod(folder, 0o755)
  const given = process.env['TEST_DATABASE_URL']
  const embedded = given ? undefined : await openEmbeddedPostgres(folder)
  const url = given ?? embedded?.url ?? ''
  const templateDatabase = `ipbridge_template_${randomBytes(6).toString('hex')}`
  await makeTemplate(url, templateDatabase)
  project.provide('postgresUrl', url)
  project.provide('templateDatabase', templateDatabase)
  project.provide('redisUrl', redis?.url)
  return async () => {
    await redis?.stop()
    if (given) await query(url, `drop database if exists ${templateDatabase} with (force)`)
    await embedded?.release()
    await removeEmbeddedPostgres(folder)
    // Said again, since the beginning has scrolled away.
    if (redis === undefined) console.warn(redisMissing)
  }
}

async function makeTemplate(url: string, name: string): Promise<void> {
  await query(url, `create database ${name}`)
  const template = databaseUrl(url, name)
  await migrate(template)
  await migrateQueueTables(template)
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql)
  await client.end()
}

/** The same server, another database. */
export function databaseUrl(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}
