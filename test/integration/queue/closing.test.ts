import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLog } from '../../../src/log.ts'
import { openQueues } from '../../../src/queue/backend.ts'
import { parseRedisUrl } from '../../../src/queue/redis-url.ts'
import { backend, queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { proxyTo } from '../../helpers/proxy.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('Closing the queues', () => {
  let app: TestApp
  let proxy: Awaited<ReturnType<typeof proxyTo>>
  beforeAll(async () => {
    app = await startTestApp({ work: false })
    proxy = await proxyTo(app.env['REDIS_URL'] ?? app.database.url)
  })
  afterAll(async () => {
    await proxy.close()
    await app.shutDown()
  })

  it('takes no longer than a few seconds while their server is cut off without a word', async () => {
    const redis = backend === 'redis' ? parseRedisUrl(proxy.url) : undefined
    const queues = openQueues({ redis, databaseUrl: proxy.url, log: createLog('silent') })
    const begun = { jobs: 0 }
    const worker = queues.work('allocate', async () => begun.jobs++, { concurrency: 5 })
    worker.on('error', () => undefined)
    await until('the queue takes a job', () =>
      queues
        .queue('allocate')
        .add('allocate', {})
        .catch(() => undefined),
    )
    await until('a job was worked on', () => begun.jobs > 0)
    // One that is used, and one that was only just made.
    queues.queue('release')
    proxy.freeze()
    const since = performance.now()
    await queues.close()
    expect(performance.now() - since).toBeLessThan(6_000)
    proxy.thaw()
    await worker.close(true)
  })
})
