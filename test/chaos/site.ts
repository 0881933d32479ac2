import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
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

/**
 * A whole installation in processes of its own, each looked after by somebody who starts it again: PostgreSQL on a
 * small disk, Redis, the IPmanager, workers (all but the first with a clock that can be moved) and APIs.
 * @param onStop told at once how each thing that was begun is ended, also where a later one fails to begin
 */
export async function buildSite(options: SiteOptions, onStop: (stop: () => Promise<unknown>) => void) {
  const { folder, queue, leaseSeconds, seed } = options
  const logs = join(folder, 'logs')
  await mkdir(logs)
  const dataDir = join(folder, 'data')
  const program = (
    name: string,
    command: string,
    args: string[],
    env: Record<string, string> = {},
  ): Program => {
    const one = keepRunning({ name, command, args, env, log: join(logs, `${name}.log`) })
    onStop(one.stop)
    return one
  }

  const mounted = await mountSmallDisk(dataDir, options.diskMegabytes)
  const disk = 'missing' in mounted ? undefined : mounted
  if (disk) onStop(disk.unmount)
  const postgres = await startPostgres(dataDir, join(logs, 'postgres.log'))
  onStop(postgres.stop)

  const redisPort = await freePort()
  const redisUrl = `redis://127.0.0.1:${redisPort}`
  const redis =
    queue === 'redis'
      ? program('redis', 'redis-server', [
          ...['--port', `${redisPort}`, '--bind', '127.0.0.1', '--dir', folder],
          // As docs/guides/production.md has it: what is in the queue survives a restart, all but the last second.
          ...['--appendonly', 'yes', '--maxmemory-policy', 'noeviction'],
        ])
      : undefined

  const panelPort = await freePort()
  const panelFile = join(folder, 'panel.json')
  await writeFile(panelFile, JSON.stringify(panelState))
  const panelScript = join(dirname(fileURLToPath(import.meta.url)), 'panel.js')
  const panelArgs = ['--port', `${panelPort}`, '--file', panelFile, '--seed', `${seed}`]
  const panel = program('ipmanager', process.execPath, [panelScript, ...panelArgs])
  const panelControl = (path: string, ...args: unknown[]) =>
    control(`http://127.0.0.1:${panelPort}/simulator`, path, ...args)
  await until('the IPmanager answers', () => panelControl('faults/list').catch(() => undefined), 60_000)

  const env: Record<string, string> = {
    DATABASE_URL: postgres.url,
    IPBRIDGE_SECRET: Buffer.alloc(32, 7).toString('base64'),
    LOG_LEVEL: 'warn',
    ...(queue === 'redis' ? { REDIS_URL: redisUrl } : {}),
  }
  const token = await setStage(env, `http://127.0.0.1:${panelPort}`)

  const main = join(packageRoot, 'dist', 'src', 'main.js')
  const library = await findFaketime(join(folder, 'clock'))
  const clocks: { worker: string; clock: Clock }[] = []
  const workers: Program[] = []
  for (let n = 1; n <= options.workers; n++) {
    const name = `worker ${n}`
    const clock = library && n > 1 ? await createClock(library, join(folder, `clock-${n}`)) : undefined
    if (clock) clocks.push({ worker: name, clock })
    const args = [main, 'worker', '--lease', `${leaseSeconds}`, '--concurrency', '50']
    workers.push(program(name, process.execPath, args, { ...env, ...clock?.env }))
  }
  const apis: Program[] = []
  const apiUrls: string[] = []
  for (let n = 1; n <= options.apis; n++) {
    const port = await freePort()
    apiUrls.push(`http://127.0.0.1:${port}`)
    apis.push(program(`API ${n}`, process.execPath, [main, 'api'], { ...env, PORT: `${port}` }))
  }
  for (const url of apiUrls) {
    await until(
      `${url} answers`,
      () =>
        fetch(`${url}/readyz`).then(
          answer => answer.ok,
          () => false,
        ),
      120_000,
    )
  }

  return {
    options,
    env,
    postgres,
    /** undefined where it cannot have one of its own, and why. */
    disk,
    diskMissing: 'missing' in mounted ? mounted.missing : undefined,
    redis,
    panel,
    panelControl,
    workers,
    /** Those workers whose clock can be moved: none without libfaketime. */
    clocks,
    apis,
    apiUrls,
    token,

    /** Forgets everything that the queue knows. */
    async flush(): Promise<void> {
      if (redis === undefined) {
        await postgres.ask(
          'truncate bullmq.job, bullmq.scheduler, bullmq.meta, bullmq.event, bullmq.dedup cascade',
        )
        return
      }
      const client = new Redis(redisUrl, { maxRetriesPerRequest: null })
      client.on('error', () => undefined)
      await client.flushall()
      client.disconnect()
    },
  }
}
