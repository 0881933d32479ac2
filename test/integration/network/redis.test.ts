import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { createLog } from '../../../src/log.ts'
import { openQueues, type QueueBackend } from '../../../src/queue/backend.ts'
import { parseRedisUrl } from '../../../src/queue/redis-url.ts'
import { backend, queueMissing } from '../../helpers/app.ts'
import { proxyTo } from '../../helpers/proxy.ts'
import { until } from '../../helpers/until.ts'

/** How long Redis may be silent here, in milliseconds. */
const silenceMs = 400

describe.skipIf(queueMissing || backend !== 'redis')('A connection to Redis', () => {
  let proxy: Awaited<ReturnType<typeof proxyTo>>
  let queues: QueueBackend
  let closed = 0

  beforeEach(async () => {
    proxy = await proxyTo(inject('redisUrl') ?? '')
    queues = openQueues({
      redis: parseRedisUrl(proxy.url),
      databaseUrl: '',
      log: createLog('silent'),
      silenceMs,
    })
    await until('Redis answers', answers)
    closed = 0
    queues.redis?.on('close', () => {
      closed += 1
    })
  })
  afterEach(async () => {
    await queues.close()
    await proxy.close()
  })

  const answers = () =>
    queues.ping().then(
      () => true,
      () => false,
    )

  it('that was cut in the middle of a question is not given up a second time, when it is whole again', async () => {
    const since = performance.now()
    proxy.swallow('requests')
    const unanswered = queues.ping().catch(() => undefined)
    proxy.drop()
    await proxy.mend()
    await unanswered
    await until('Redis answers again', answers)
    await until('the question is older than may be', async () => {
      await answers()
      return performance.now() > since + 2 * silenceMs
    })
    expect(closed).toBe(1)
  })

  it('that is silent is given up', async () => {
    proxy.swallow('answers')
    await queues.ping().catch(() => undefined)
    await until('it is given up', () => closed === 1)
    await proxy.mend()
    await until('Redis answers again', answers)
  })
})
