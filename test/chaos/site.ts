import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { freePort } from '../../src/db/embedded/free-port.ts'
import { packageRoot } from '../../src/package-root.ts'
import { control } from '../helpers/ipmanager.ts'
import { until } from '../helpers/until.ts'
import { type Clock, createClock, findFaketime } from './clock.ts'
import { mountSmallDisk } from './disk.ts'
import { startPostgres } from './postgres.ts'
import { keepRunning, type Program } from './program.ts'
import { panelState, setStage } from './stage.ts'

export interface SiteOptions {
  /** Where everything of this run is. */
  folder: string
  queue: 'redis' | 'postgres'
  workers: number
  apis: number
  leaseSeconds: number
  /** How large the disk of PostgreSQL is, where it can have one of its own. */
  diskMegabytes: number
  seed: number
}

export type Site = Awaited<ReturnType<typeof buildSite>>

/** How long each part may take to begin, on a machine that has much else to do. */
const patienceMs = 120_000

/** Starts a program that is kept running until the site is taken down. */
type Start = (name: string, command: string, args: string[], env?: Record<string, string>) => Program

const main = join(packageRoot, 'dist', 'src', 'main.js')

/**
 * A whole installation in processes of its own, each looked after by somebody who starts it again: PostgreSQL on a
 * small disk, Redis, the IPmanager, workers (all but the first with a clock that can be moved) and APIs.
 * @param onStop told at once how each thing that was begun is ended, also where a later one fails to begin
 */
export async function buildSite(options: SiteOptions, onStop: (stop: () => Promise<unknown>) => void) {
  const { folder, queue } = options
  const logs = join(folder, 'logs')
  await mkdir(logs)
  const start: Start = (name, command, args, env = {}) => {
    const program = keepRunning({ name, command, args, env, log: join(logs, `${name}.log`) })
    onStop(program.stop)
    return program
  }

  const dataDir = join(folder, 'data')
  const mounted = await mountSmallDisk(dataDir, options.diskMegabytes)
  const disk = 'missing' in mounted ? undefined : mounted
  if (disk) onStop(disk.unmount)
  const postgres = await startPostgres(dataDir, join(logs, 'postgres.log'))
  onStop(postgres.stop)

  const redis = queue === 'redis' ? await startRedis(start, folder) : undefined
  const panel = await startPanel(start, options)
  const env: Record<string, string> = {
    DATABASE_URL: postgres.url,
    IPBRIDGE_SECRET: Buffer.alloc(32, 7).toString('base64'),
    LOG_LEVEL: 'warn',
    ...(redis ? { REDIS_URL: redis.url } : {}),
  }
  const token = await setStage(env, panel.url)

  return {
    options,
    env,
    postgres,
    /** undefined where it cannot have one of its own, and why. */
    disk,
    diskMissing: 'missing' in mounted ? mounted.missing : undefined,
    redis: redis?.program,
    panel: panel.program,
    panelControl: panel.control,
    ...(await startWorkers(start, env, options)),
    ...(await startApis(start, env, options)),
    token,

    /** Forgets everything that the queue knows. */
    async flush(): Promise<void> {
      if (redis) return redis.flush()
      await postgres.ask(
        'truncate bullmq.job, bullmq.scheduler, bullmq.meta, bullmq.event, bullmq.dedup cascade',
      )
    },
  }
}

async function startRedis(start: Start, folder: string) {
  await promisify(execFile)('redis-server', ['--version']).catch(() => {
    throw new Error('redis-server is not installed; --queue postgres does without')
  })
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  const program = start('redis', 'redis-server', [
    ...['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder],
    // As docs/guides/production.md has it: what is in the queue survives a restart, all but the last second.
    ...['--appendonly', 'yes', '--maxmemory-policy', 'noeviction'],
  ])
  return {
    url,
    program,
    async flush(): Promise<void> {
      const client = new Redis(url, { maxRetriesPerRequest: null })
      client.on('error', () => undefined)
      await client.flushall()
      client.disconnect()
    },
  }
}

async function startPanel(start: Start, { folder, seed }: SiteOptions) {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const file = join(folder, 'panel.json')
  await writeFile(file, JSON.stringify(panelState))
  const script = join(dirname(fileURLToPath(import.meta.url)), 'panel.js')
  const args = [script, '--port', `${port}`, '--file', file, '--seed', `${seed}`]
  const program = start('ipmanager', process.execPath, args)
  const ask = (path: string, ...given: unknown[]) => control(`${url}/simulator`, path, ...given)
  await until('the IPmanager answers', () => ask('faults/list').catch(() => undefined), patienceMs)
  return { url, program, control: ask }
}

async function startWorkers(
  start: Start,
  env: Record<string, string>,
  { folder, workers: count, leaseSeconds }: SiteOptions,
) {
  const library = await findFaketime(join(folder, 'clock'))
  const workers: Program[] = []
  /** Those whose clock can be moved: none without libfaketime. */
  const clocks: { worker: string; clock: Clock }[] = []
  for (let n = 1; n <= count; n++) {
    const worker = `worker ${n}`
    const clock = library && n > 1 ? await createClock(library, join(folder, `clock-${n}`)) : undefined
    if (clock) clocks.push({ worker, clock })
    const args = [main, 'worker', '--lease', `${leaseSeconds}`, '--concurrency', '50']
    workers.push(start(worker, process.execPath, args, { ...env, ...clock?.env }))
  }
  return { workers, clocks }
}

async function startApis(start: Start, env: Record<string, string>, { apis: count }: SiteOptions) {
  const apis: Program[] = []
  const apiUrls: string[] = []
  for (let n = 1; n <= count; n++) {
    const port = await freePort()
    apiUrls.push(`http://127.0.0.1:${port}`)
    apis.push(start(`API ${n}`, process.execPath, [main, 'api'], { ...env, PORT: `${port}` }))
  }
  const isReady = (url: string) =>
    fetch(`${url}/readyz`).then(
      answer => answer.ok,
      () => false,
    )
  for (const url of apiUrls) await until(`${url} answers`, () => isReady(url), patienceMs)
  return { apis, apiUrls }
}
