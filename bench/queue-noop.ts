import { setTimeout as sleep } from 'node:timers/promises'
import { loadConfig } from '../src/config.ts'
import { createLog } from '../src/log.ts'
import { openQueues, type QueueBackend } from '../src/queue/backend.ts'
import { parseRedisUrl } from '../src/queue/redis-url.ts'
import type { Stage } from './stage.ts'

/** How fast BullMQ alone is, on the same server: jobs that do nothing, at the worker's concurrency. */
export async function queueNoop(stage: Stage, count: number, concurrency: number) {
  const config = loadConfig(stage.env)
  const redis = config.redisUrl === undefined ? undefined : parseRedisUrl(config.redisUrl)
  const queues = openQueues({ redis, databaseUrl: stage.databaseUrl, log: createLog('warn') })
  const queue = queues.queue('bench-noop')
  await untilConnected(queues)
  for (let first = 0; first < count; first += 500) {
    await queue.addBulk(
      Array.from({ length: 500 }, (_, n) => ({
        name: 'noop',
        data: { v: 1, operation: '00000000-0000-7000-8000-000000000000' },
        opts: { jobId: `noop-${first + n}`, removeOnComplete: true },
      })),
    )
  }
  let left = count
  const begun = performance.now()
  let worker: ReturnType<typeof queues.work> | undefined
  await new Promise<void>(resolve => {
    const noop = async () => {
      left -= 1
      if (left === 0) resolve()
    }
    worker = queues.work('bench-noop', noop, { concurrency })
  })
  const seconds = (performance.now() - begun) / 1000
  await worker?.close()
  await queue.obliterate({ force: true })
  await queues.close()
  return { perSecond: Math.round(count / seconds), count }
}

/** A producer fails fast, also while its first connection is still being made. */
export async function untilConnected(queues: QueueBackend): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const answers = await queues.ping().then(
      () => true,
      () => false,
    )
    if (answers) return
    await sleep(50)
  }
  throw new Error('the queue did not answer within ten seconds')
}
