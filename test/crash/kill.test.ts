import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { takeSnapshot } from '../../src/db/snapshot.ts'
import { playLine, readScript } from '../../src/demo/play.ts'
import { setStage } from '../../src/demo/stage.ts'
import { checkInvariants } from '../../src/domain/invariants.ts'
import { packageRoot } from '../../src/package-root.ts'
import { backend, queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'
import { startRedis, type TestRedis } from '../helpers/redis.ts'
import { until } from '../helpers/until.ts'

const kills = 20
const flushes = 5

/** A generator of the same numbers every time, so that a failure can be looked at again. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

describe.skipIf(queueMissing)("While the demo's stream runs", () => {
  let app: TestApp
  let redis: TestRedis | undefined
  let worker: ChildProcess | undefined

  beforeAll(async () => {
    // A Redis of its own: flushing one that others use would disturb them.
    redis = backend === 'redis' ? await startRedis() : undefined
    const env: Record<string, string> = redis ? { REDIS_URL: redis.url } : {}
    app = await startTestApp({ work: false, leaseSeconds: 2, env })
    await setStage(app.desk)
  })
  afterAll(async () => {
    worker?.kill('SIGKILL')
    await app.shutDown()
    await redis?.stop()
  })

  function startWorker(): ChildProcess {
    const main = join(packageRoot, 'dist', 'src', 'main.js')
    return spawn(process.execPath, [main, 'worker', '--lease', '2', '--concurrency', '20'], {
      env: { PATH: process.env['PATH'], ...app.env },
      stdio: 'ignore',
    })
  }

  const done = () => app.db.operation.count({ where: { endedAt: { not: null } } })

  /** Forgets everything that the queue knows. */
  async function flush(): Promise<void> {
    if (backend === 'redis') await app.queues.redis?.flushall()
    else
      await app.db
        .$executeRaw`truncate bullmq.job, bullmq.scheduler, bullmq.meta, bullmq.event, bullmq.dedup cascade`
  }

  it(`a worker killed ${kills} times and a queue flushed ${flushes} times leave nothing wrong and nothing undone`, async () => {
    const next = random(7)
    const text = await readFile(join(packageRoot, 'examples', 'events.ndjson'), 'utf8')
    const script = [...readScript(text, new Date()).values()].flat()
    const share = Math.ceil(script.length / kills)
    for (let kill = 0; kill < kills; kill++) {
      for (const line of script.slice(kill * share, (kill + 1) * share)) {
        // Some lines are bad on purpose, and are refused.
        await playLine(app.intake, line)
      }
      const before = await done()
      worker = startWorker()
      await until('the worker has ended some operations', async () => (await done()) > before, 60_000)
      await sleep(next() * 150)
      if (kill % Math.floor(kills / flushes) === 0) await flush()
      worker.kill('SIGKILL')
      await once(worker, 'exit')
    }
    worker = startWorker()
    // Parked ones too: in the demo every address that somebody waits for comes back, and they are woken then.
    await until(
      'every operation has ended',
      async () => (await app.db.operation.count({ where: { endedAt: null } })) === 0,
      180_000,
    )
    const snapshot = await takeSnapshot(app.db, app.ipams.driver)
    expect(checkInvariants(snapshot, { quiet: true })).toEqual([])
  }, 400_000)
})
