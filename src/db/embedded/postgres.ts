import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { openSync } from 'node:fs'
import { chmod, chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { IpbridgeError } from '../../errors.ts'
import { readOrCreate } from '../secret.ts'
import { findPlace, type Place } from './binaries.ts'

/** A PostgreSQL of our own under the data folder. */
export interface EmbeddedPostgres {
  url: string
  /** Lets go of it. The last process that uses it stops it. */
  release(): Promise<void>
}

const run = promisify(execFile)
const startTimeoutMs = 30_000

/**
 * Attaches to the PostgreSQL of this data folder, or starts it when nobody has. Processes that use it say so
 * with a file named after their process id, so that whoever leaves last stops it, also after a crash.
 */
export async function openEmbeddedPostgres(dataDir: string): Promise<EmbeddedPostgres> {
  await mkdir(dataDir, { recursive: true })
  const place = await findPlace(dataDir)
  const password = await readOrCreate(join(dataDir, 'postgres.password'), () =>
    randomBytes(18).toString('base64url'),
  )
  const users = join(dataDir, 'users')
  await mkdir(users, { recursive: true })

  const port = await alone(dataDir, async () => {
    const running = await findRunning(place, password)
    const found = running ?? (await start(place, password, join(dataDir, 'postgres.log')))
    await writeFile(join(users, String(process.pid)), '')
    return found
  })

  return {
    url: urlOf(port, password),
    release: () =>
      alone(dataDir, async () => {
        await rm(join(users, String(process.pid)), { force: true })
        if (!(await hasLiveUsers(users))) await stop(place)
      }),
  }
}

function urlOf(port: number, password: string): string {
  return `postgres://ipbridge:${password}@127.0.0.1:${port}/postgres`
}

/** Runs `work` in one process at a time. A lock whose owner is gone is taken over. */
async function alone<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  const lock = join(dataDir, 'postgres.lock')
  const deadline = Date.now() + 2 * startTimeoutMs
  for (;;) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''))
    if (owner > 0 && owner !== process.pid && !isAlive(owner)) await rm(lock, { force: true })
    else if (Date.now() > deadline) throw cannotStart(`${lock} is held by process ${owner}`)
    else await sleep(50)
  }
  try {
    return await work()
  } finally {
    await rm(lock, { force: true })
  }
}

/** The port of a server that answers, else undefined. */
async function findRunning(place: Place, password: string): Promise<number | undefined> {
  const lines = await readFile(join(place.cluster, 'postmaster.pid'), 'utf8').catch(() => '')
  const [pid, , , port] = lines.split('\n')
  if (!pid || !port || !isAlive(Number(pid))) return undefined
  return (await answers(Number(port), password)) ? Number(port) : undefined
}

async function start(place: Place, password: string, logFile: string): Promise<number> {
  if (!(await stat(join(place.cluster, 'PG_VERSION')).catch(() => undefined)))
    await initialise(place, password)
  const port = await freePort()
  const log = openSync(logFile, 'a', 0o600)
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 100,
    timezone: 'UTC',
    log_min_messages: 'warning',
  }
  const server = spawn(
    join(place.programs, 'bin', 'postgres'),
    ['-D', place.cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...place.user, detached: true, stdio: ['ignore', log, log], cwd: '/' },
  )
  const exited = new Promise<never>((_, reject) => {
    server.once('error', reject)
    server.once('exit', code => reject(cannotStart(`it exited with code ${code}; see ${logFile}`)))
  })
  server.unref()
  await Promise.race([exited, untilAnswers(port, password)])
  server.removeAllListeners('exit')
  return port
}

/** Makes the cluster beside its place and moves it there whole, so that a crash leaves no half of one. */
async function initialise({ programs, cluster, user }: Place, password: string): Promise<void> {
  const unfinished = `${cluster}.new`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(dirname(cluster), { recursive: true })
  await mkdir(unfinished, { mode: 0o700 })
  const passwordFile = `${cluster}.new-password`
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (user) {
    await chown(unfinished, user.uid, user.gid)
    await chown(passwordFile, user.uid, user.gid)
  }
  try {
    const options = [
      '--auth=scram-sha-256',
      '--username=ipbridge',
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
    ]
    await run(join(programs, 'bin', 'initdb'), ['-D', unfinished, `--pwfile=${passwordFile}`, ...options], {
      ...user,
      cwd: '/',
    })
  } catch (cause) {
    throw cannotStart(`initdb failed: ${(cause as { stderr?: string }).stderr ?? String(cause)}`, cause)
  } finally {
    await rm(passwordFile, { force: true })
  }
  await chmod(unfinished, 0o700)
  await rename(unfinished, cluster)
}

async function stop({ programs, cluster, user }: Place): Promise<void> {
  const ctl = join(programs, 'bin', 'pg_ctl')
  await run(ctl, ['stop', '-D', cluster, '-m', 'fast', '-w', '-t', '30'], { ...user, cwd: '/' }).catch(
    () => undefined,
  )
}

async function hasLiveUsers(folder: string): Promise<boolean> {
  const pids = (await readdir(folder)).map(Number)
  const dead = pids.filter(pid => !isAlive(pid))
  await Promise.all(dead.map(pid => rm(join(folder, String(pid)), { force: true })))
  return dead.length < pids.length
}

async function untilAnswers(port: number, password: string): Promise<void> {
  const deadline = Date.now() + startTimeoutMs
  while (!(await answers(port, password))) {
    if (Date.now() > deadline) throw cannotStart(`it did not answer within ${startTimeoutMs / 1000} seconds`)
    await sleep(50)
  }
}

async function answers(port: number, password: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: urlOf(port, password), connectionTimeoutMillis: 2_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function cannotStart(why: string, cause?: unknown): IpbridgeError {
  return new IpbridgeError(
    'unavailable',
    `the embedded PostgreSQL did not start: ${why}. Or set DATABASE_URL to a PostgreSQL of your own`,
    { cause },
  )
}
