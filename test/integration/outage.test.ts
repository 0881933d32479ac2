import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/db/embedded/free-port.ts'
import { maxAttempts } from '../../src/domain/backoff.ts'
import { createLog } from '../../src/log.ts'
import { openQueues } from '../../src/queue/backend.ts'
import { parseRedisUrl } from '../../src/queue/redis-url.ts'
import { furnish } from '../helpers/api.ts'
import { backend, queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'
import { events } from '../helpers/events.ts'
import { startRedis } from '../helpers/redis.ts'
import { until } from '../helpers/until.ts'

describe.skipIf(queueMissing)('an operation that cannot be claimed while the ledger is away', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp()
    await furnish(app)
  })
  afterAll(() => app.shutDown())

  it('is done when the ledger is back, however often its job was tried', async () => {
    const { claim } = app.operations
    let tries = 0
    app.operations.claim = async () => {
      tries += 1
      throw new Error('the ledger is away')
    }
    const [receipt] = await app.intake.accept([events.created({ id: 'patient' })], 'http')
    await until('it was tried more often than an operation may fail', async () => {
      await app.queues.queue('allocate').promoteJobs()
      return tries > maxAttempts + 2
    })
    app.operations.claim = claim
    const states = await app.desk.operations.settled(receipt?.operations ?? [], 10_000)
    expect([...states.values()]).toEqual(['done'])
  })
})

describe.skipIf(queueMissing || backend !== 'redis')(
  'a queue that was first used while Redis was away',
  () => {
    it('can be used when Redis is there', async () => {
      const port = await freePort()
      const target = parseRedisUrl(`redis://127.0.0.1:${port}`)
      const queues = openQueues({ redis: target, databaseUrl: '', log: createLog('silent') })
      const add = () => queues.queue('allocate').add('allocate', {})
      await expect(add()).rejects.toThrow()
      const redis = await startRedis([], port)
      try {
        await until('a job was added', () => add().catch(() => undefined))
        expect(await queues.queue('allocate').getJobCounts('waiting')).toEqual({ waiting: 1 })
      } finally {
        await queues.close()
        await redis?.stop()
      }
    })
  },
)
