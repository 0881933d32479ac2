import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from '../src/db/embedded/free-port.ts'
import { openEmbeddedPostgres, removeEmbeddedPostgres } from '../src/db/embedded/postgres.ts'
import { migrate } from '../src/db/migrate.ts'
import { packageRoot } from '../src/package-root.ts'
import { migrateQueueTables } from '../src/queue/backend.ts'

/** A database, a queue and a way to start processes of ipbridge on them. */
export interface Stage {
  name: string
  databaseUrl: string
  redisUrl: string | undefined
  env: Record<string, string>
  /** Starts a process of ipbridge, as a user would. */
  spawn(args: string[], env?: Record<string, string>): ChildProcess
  tearDown(): Promise<void>
}

const main = join(packageRoot, 'dist', 'src', 'main.js')

/**
 * PostgreSQL from DATABASE_URL, else the embedded one (which is a real PostgreSQL too), in a database of its
 * own; Redis from REDIS_URL, else a redis-server of our own, else none.
 */
export async function setStage(options: { name: string; redis: boolean; embedded: boolean }): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'ipbridge-bench-'))
  const given = options.embedded ? undefined : process.env['DATABASE_URL']
  const embedded = given ? undefined : await openEmbeddedPostgres(join(folder, 'data'))
  const server = given ?? embedded?.url ?? ''
  const database = `ipbridge_bench_${randomBytes(4).toString('hex')}`
  await query(server, `create database ${database}`)
  const databaseUrl = withDatabase(server, database)
  await migrate(databaseUrl)
  await migrateQueueTables(databaseUrl)
  const redis = options.redis ? await findRedis(folder) : undefined
  const env: Record<string, string> = {
    DATABASE_URL: databaseUrl,
    IPBRIDGE_SECRET: randomBytes(32).toString('base64'),
    LOG_LEVEL: 'warn',
    // What is measured is how fast intake can be, not how it holds back.
    IPBRIDGE_MAX_BACKLOG: '999999999',
    ...(redis ? { REDIS_URL: redis.url } : {}),
  }
  const processes = processesOn(env)
  return {
    name: options.name,
    databaseUrl,
    redisUrl: redis?.url,
    env,
    spawn: processes.spawn,
    async tearDown() {
      await processes.stopAll()
      await redis?.stop()
      await query(server, `drop database if exists ${database} with (force)`)
      await embedded?.release()
      if (embedded) await removeEmbeddedPostgres(join(folder, 'data'))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Processes of ipbridge with the same environment. */
export function processesOn(env: Record<string, string>) {
  const processes: ChildProcess[] = []
  return {
    spawn(args: string[], more: Record<string, string> = {}): ChildProcess {
      const child = spawn(process.execPath, [main, ...args], {
        env: { PATH: process.env['PATH'] ?? '', ...env, ...more },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      processes.push(child)
      return child
    },
    async stopAll(): Promise<void> {
      await Promise.all(processes.map(stop))
    },
  }
}

/** Stops a process in order. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  await gone
}

/** The most memory that a process ever had, in MiB; 0 where the system does not tell. */
export async function peakMemoryMb(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024)
}

async function findRedis(folder: string): Promise<{ url: string; stop(): Promise<void> } | undefined> {
  const prefix = `bench${randomBytes(3).toString('hex')}`
  const given = process.env['REDIS_URL']
  if (given) return { url: `${given.split('?')[0]}?prefix=${prefix}`, stop: async () => undefined }
  const port = await freePort()
  const server = spawn(
    'redis-server',
    ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'yes', '--dir', folder],
    {
      stdio: 'ignore',
    },
  )
  const started = await new Promise<boolean>(resolve => {
    server.once('error', () => resolve(false))
    server.once('spawn', () => resolve(true))
  })
  if (!started) return undefined
  await sleep(500)
  return { url: `redis://127.0.0.1:${port}`, stop: () => stop(server) }
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql)
  await client.end()
}
