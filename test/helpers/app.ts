import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { type App, type AppOptions, createApp, type WorkerOptions } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import type { Log } from '../../src/log.ts'
import { leaksInRedis, watchedLog } from './canaries.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'

/** The queue that this run of the suite is about. */
export const backend = (process.env['IPBRIDGE_TEST_QUEUE'] ?? 'postgres') as 'postgres' | 'redis'

/** Why tests on this queue cannot run here, if they cannot. For `describe.skipIf`. */
export const queueMissing = backend === 'redis' && inject('redisUrl') === undefined

export const testSecret = Buffer.alloc(32, 7).toString('base64')

export interface TestApp extends App {
  database: TestDatabase
  /** The environment that a process of its own would need to be part of this. */
  env: Record<string, string>
  /** Stops the workers, closes everything and drops the database. */
  shutDown(): Promise<void>
}

/**
 * ipbridge on a database and a queue of its own.
 * @param options.work begins to work at once, unless false
 * @param options.log where to write; default: as TEST_LOG_LEVEL says, else nowhere
 */
export async function startTestApp(
  options: AppOptions & { work?: WorkerOptions | false; env?: Record<string, string>; log?: Log } = {},
): Promise<TestApp> {
  const { work = {}, env: more, log, ...appOptions } = options
  const database = await createTestDatabase()
  const env: Record<string, string> = {
    DATABASE_URL: database.url,
    IPBRIDGE_SECRET: testSecret,
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    ...(backend === 'redis'
      ? { REDIS_URL: `${inject('redisUrl')}?prefix=${randomBytes(6).toString('hex')}` }
      : {}),
    ...more,
  }
  const config = loadConfig(env)
  const watched = watchedLog()
  const app = await createApp(config, log ?? watched.log, {
    leaseSeconds: 5,
    dispatchMs: 100,
    ...appOptions,
  })
  const stop = work === false ? undefined : app.work({ concurrency: 20, ...work })
  return {
    ...app,
    database,
    env,
    async shutDown() {
      await stop?.()
      await app.close()
      const leaks = [...watched.leaks, ...(await leaksInQueue(env))]
      await database.drop()
      refuseLeaks(leaks)
    },
  }
}

/**
 * One more ipbridge on the ledger and the queue of another, as a second process would be.
 * @returns it, and how to stop its workers without closing it
 */
export async function joinTestApp(
  first: TestApp,
  options: AppOptions & { work?: WorkerOptions | false; env?: Record<string, string>; log?: Log } = {},
): Promise<App & { stop(): Promise<void>; shutDown(): Promise<void> }> {
  const { work = {}, env, log, ...appOptions } = options
  const config = loadConfig({ ...first.env, ...env })
  const watched = watchedLog()
  const app = await createApp(config, log ?? watched.log, {
    leaseSeconds: 5,
    dispatchMs: 100,
    ...appOptions,
  })
  const stop = work === false ? async () => {} : app.work({ concurrency: 20, ...work })
  return {
    ...app,
    stop,
    async shutDown() {
      await stop()
      await app.close()
      refuseLeaks(watched.leaks)
    },
  }
}

/** Redis may be gone by then, in tests that take it away. */
function leaksInQueue({ REDIS_URL }: Record<string, string>): Promise<string[]> | string[] {
  return REDIS_URL?.startsWith(`${inject('redisUrl')}?`) ? leaksInRedis(REDIS_URL) : []
}

function refuseLeaks(leaks: string[]): void {
  if (leaks.length > 0) throw new Error(`secrets were found where none may be:\n${leaks.join('\n')}`)
}
