import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { openEmbeddedPostgres } from '../../src/db/embedded/postgres.ts'
import { migrate } from '../../src/db/migrate.ts'
import { migrateQueueTables } from '../../src/queue/backend.ts'
import { startRedis } from './redis.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A PostgreSQL for tests; each test file makes a database of its own in it. */
    postgresUrl: string
    /** A Redis of the test run's own; undefined where no redis-server is installed. */
    redisUrl: string | undefined
  }
}

export const templateDatabase = 'ipbridge_test_template'

/**
 * Once for all tests: a PostgreSQL (TEST_DATABASE_URL, else the embedded one) with a migrated template
 * database, and a Redis where redis-server is installed.
 */
export default async function setup(project: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), 'ipbridge-test-'))
  const given = process.env['TEST_DATABASE_URL']
  const embedded = given ? undefined : await openEmbeddedPostgres(folder)
  const url = given ?? embedded?.url ?? ''
  await makeTemplate(url)
  const redis = await startRedis()
  if (redis === undefined) {
    if (process.env['CI'])
      throw new Error('redis-server is not installed: CI must run the tests of both queues')
    console.warn('redis-server is not installed: the tests on the Redis queue are skipped')
  }
  project.provide('postgresUrl', url)
  project.provide('redisUrl', redis?.url)
  return async () => {
    await redis?.stop()
    await embedded?.release()
    await rm(folder, { recursive: true, force: true })
  }
}

async function makeTemplate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`drop database if exists ${templateDatabase}`)
  await client.query(`create database ${templateDatabase}`)
  await client.end()
  const template = databaseUrl(url, templateDatabase)
  await migrate(template)
  await migrateQueueTables(template)
}

/** The same server, another database. */
export function databaseUrl(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}
