import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { makeCluster } from '../../src/db/embedded/cluster.ts'
import { freePort } from '../../src/db/embedded/free-port.ts'
import { findPlace } from '../../src/db/embedded/place.ts'
import { findRunning, type Launch, launch, stop } from '../../src/db/embedded/server.ts'
import { until } from '../helpers/until.ts'

export type Postgres = Awaited<ReturnType<typeof startPostgres>>

/** How soon a server that ended is started again. */
const watchMs = 200

/** Much longer than recovery from a crash takes. */
const longestStartMs = 120_000

/** A PostgreSQL server in a data folder, which is started again whenever it ends. */
export async function startPostgres(dataDir: string, logFile: string) {
  const place = await findPlace(dataDir)
  const password = randomBytes(18).toString('base64url')
  await makeCluster(place, password)
  const port = await freePort()
  const url = `postgres://ipbridge:${password}@127.0.0.1:${port}/postgres`
  let launched: Launch | undefined
  let isOver = false
  const watching = watch()

  async function watch(): Promise<void> {
    while (!isOver) {
      const running = await findRunning(place.cluster)
      if (running === undefined && !launched?.isRunning()) launched = await launch(place, logFile, port)
      await sleep(watchMs)
    }
  }

  const present = () => until('PostgreSQL runs', () => findRunning(place.cluster), 60_000)

  /** Waits until it lets somebody in. */
  async function answers(): Promise<void> {
    const deadline = performance.now() + longestStartMs
    while (!(await ask('select 1').catch(() => undefined))) {
      if (performance.now() > deadline) throw new Error('PostgreSQL lets nobody in')
      await sleep(watchMs)
    }
  }

  async function ask<T extends pg.QueryResultRow>(sql: string): Promise<T[]> {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 15_000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return (await client.query<T>(sql)).rows
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  await answers()
  // The folder is small: what was written ahead must not fill it by itself.
  await ask(`alter system set min_wal_size = '32MB'`)
  await ask(`alter system set max_wal_size = '96MB'`)
  await ask('select pg_reload_conf()')

  return {
    url,
    ask,
    answers,

    /** An immediate shutdown: no goodbye, no checkpoint; what was committed comes back from what was written ahead. */
    async restart(): Promise<void> {
      const { pid } = await present()
      process.kill(pid, 'SIGQUIT')
      await until('PostgreSQL is gone', async () => (await findRunning(place.cluster))?.pid !== pid, 60_000)
      await answers()
    },

    async stop(): Promise<void> {
      isOver = true
      await watching
      await stop(place.cluster)
    },
  }
}
