import { randomBytes } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { readOrCreate } from '../secret.ts'
import { cannotStart } from './cannot-start.ts'
import { isInitialised, makeCluster } from './cluster.ts'
import { findPlace, type Place } from './place.ts'
import { findRunning, type Launch, launch, stop } from './server.ts'

/** A PostgreSQL of our own under the data folder. */
export interface EmbeddedPostgres {
  url: string
  /** Lets go of it. The last process that uses it stops it. */
  release(): Promise<void>
}

const startTimeoutMs = 60_000
const mostLaunches = 5

/**
 * Whoever uses the server shares this advisory lock for as long as he does, and whoever leaves tries to have it
 * alone. The server itself so knows its users: one that was killed is forgotten with its connection, and one that
 * comes while the server is being stopped waits, fails, and starts it again.
 */
const usersLock = [0x1_9b2, 1] as const

/**
 * Attaches to the PostgreSQL of this data folder, or starts it when nobody has. Any number of processes may do so
 * at once: the first `initdb` to end gives the cluster, and PostgreSQL's own lock file lets one server run.
 *
 * @param dataDir the data folder, an absolute path; made if it is not there
 * @throws unavailable where it does not start, with the reason
 */
export async function openEmbeddedPostgres(dataDir: string): Promise<EmbeddedPostgres> {
  await mkdir(dataDir, { recursive: true })
  const place = await findPlace(dataDir)
  const password = await readOrCreate(join(dataDir, 'postgres.password'), () =>
    randomBytes(18).toString('base64url'),
  )
  if (!(await isInitialised(place.cluster))) await makeCluster(place, password)
  const log = join(dataDir, 'postgres.log')
  const { port, session } = await attach(place, { password, log })
  let using: Promise<pg.Client | undefined> = Promise.resolve(session)
  let isReleased = false

  /**
   * The server may end one connection and go on, as it does when a process of it crashes: then we are still a user.
   * And it may be killed: then whoever notices first starts it again, at the port that all of its users know.
   */
  function keepUsing(client: pg.Client): void {
    client.once('end', () => {
      if (isReleased) return
      using = attach(place, { password, log, port }).then(
        again => again.session,
        () => undefined,
      )
      using.then(again => again && keepUsing(again))
    })
  }
  keepUsing(session)

  return {
    url: urlOf(port, password),
    async release() {
      if (isReleased) return
      isReleased = true
      const client = await using
      if (client === undefined) return
      if (await isLast(client)) await stop(place.cluster)
      await client.end().catch(() => undefined)
    },
  }
}

/** Removes a data folder whose server is stopped, and its database, wherever root had to keep that. */
export async function removeEmbeddedPostgres(dataDir: string): Promise<void> {
  const { cluster } = await findPlace(dataDir)
  for (const folder of [dirname(cluster), dataDir]) await rm(folder, { recursive: true, force: true })
}

/**
 * Waits for the server, and starts it where none runs.
 * @param options.port where it shall listen; default: at a free one
 */
async function attach(
  place: Place,
  options: { password: string; log: string; port?: number },
): Promise<{ port: number; session: pg.Client }> {
  const { password, log } = options
  const deadline = Date.now() + startTimeoutMs
  let launched: Launch | undefined
  let launches = 0
  let why = 'it let nobody in'
  while (Date.now() < deadline) {
    const running = await findRunning(place.cluster)
    if (running !== undefined) {
      try {
        return { port: running.port, session: await use(urlOf(running.port, password)) }
      } catch (error) {
        // It starts, it stops, or it has no connection left for us: all of which passes.
        why = error instanceof Error ? error.message : String(error)
        if ((error as { code?: string }).code === wrongPassword) break
      }
    } else if (!launched?.isRunning()) {
      // Another process may have started it at the same moment or taken its port, or what is left of one that was
      // killed may still be ending: so more than one try.
      if (launches++ === mostLaunches) throw cannotStart(`${launched?.end()}; see ${log}`)
      launched = await launch(place, log, options.port)
    }
    await sleep(50 * (1 + launches))
  }
  throw cannotStart(`${why}; see ${log}`)
}

/** PostgreSQL's SQLSTATE for it. */
const wrongPassword = '28P01'

/** Connects and becomes one of the users. */
async function use(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'ipbridge (user of the embedded server)',
    connectionTimeoutMillis: 5_000,
  })
  // Whatever breaks the connection also fails the query that waits for it, or ends it.
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select pg_advisory_lock_shared($1, $2)', [...usersLock])
    return client
  } catch (error) {
    await client.end().catch(() => undefined)
    throw error
  }
}

/** Stops being a user. @returns whether nobody else is one, and nobody can become one any more */
async function isLast(client: pg.Client): Promise<boolean> {
  try {
    await client.query('select pg_advisory_unlock_shared($1, $2)', [...usersLock])
    const { rows } = await client.query('select pg_try_advisory_lock($1, $2) as alone', [...usersLock])
    return rows[0].alone
  } catch {
    return false
  }
}

function urlOf(port: number, password: string): string {
  return `postgres://ipbridge:${password}@127.0.0.1:${port}/postgres`
}
