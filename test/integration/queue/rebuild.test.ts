import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, furnish } from '../../helpers/api.ts'
import { backend, joinTestApp, queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { startRedis, type TestRedis } from '../../helpers/redis.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('a queue that was lost', () => {
  let redis: TestRedis | undefined
  let app: TestApp

  beforeAll(async () => {
    // FLUSHALL would empty the Redis of the other test files, too.
    redis = backend === 'redis' ? await startRedis() : undefined
    app = await startTestApp({ env: redis ? { REDIS_URL: redis.url } : {}, work: false })
    await furnish(app)
  })
  afterAll(async () => {
    await app.shutDown()
    await redis?.stop()
  })

  /** Empties the queue, whichever it is, as a disk that was lost would. */
  async function loseQueue(): Promise<void> {
    if (redis) {
      const client = new Redis(redis.url)
      await client.flushall()
      client.disconnect()
    } else {
      await app.db
        .$executeRaw`truncate bullmq.job, bullmq.scheduler, bullmq.meta, bullmq.event, bullmq.dedup cascade`
    }
  }
  const schedules = () => app.queues.queue('reconcile').getJobSchedulers()
  const create = async (count: number, run: string) => {
    const inputs = Array.from({ length: count }, (_, n) => events.created({ id: `${run}-${n}` }))
    return (await app.intake.accept(inputs, 'http')).flatMap(receipt => receipt.operations)
  }

  it('is rebuilt within seconds, with what has waited in it for long', async () => {
    const ids = await create(30, 'waiting')
    // They were announced many times and are not due again for minutes.
    await app.db
      .$executeRaw`update operation set announcements = 9, announce_at = now() + interval '5 minutes'`
    await app.dispatcher.round()
    const worker = await joinTestApp(app, { work: { only: ['release', 'ptr', 'reconcile'] } })
    await loseQueue()
    expect(await app.queues.queue('allocate').count()).toBe(0)
    await until(
      'all are in the queue again',
      async () => (await app.queues.queue('allocate').count()) === ids.length,
    )
    await worker.shutDown()
  })

  it('is rebuilt while the workers go on', async () => {
    const worker = await joinTestApp(app, { work: { concurrency: 5 } })
    const ids = await create(50, 'working')
    for (let times = 0; times < 3; times++) {
      await loseQueue()
      ids.push(...(await create(20, `working-${times}`)))
    }
    const states = await app.desk.operations.settled(ids, 25_000)
    expect([...new Set(states.values())]).toEqual(['done'])
    await worker.shutDown()
  })

  it('has its nightly reconciliation scheduled again', async () => {
    const worker = await joinTestApp(app)
    await until('it is scheduled', async () => (await schedules()).length === 1)
    const [before] = await schedules()
    await loseQueue()
    await until('it is scheduled again', async () => (await schedules()).length === 1)
    expect((await schedules())[0]).toMatchObject({
      name: before?.name,
      pattern: before?.pattern,
      next: before?.next,
    })
    expect((await app.queues.queue('reconcile').getDelayed()).map(job => job.name)).toEqual(['nightly'])
    await worker.shutDown()
  })

  it('does not bring an operation back before its next try is due', async () => {
    const [id = ''] = await create(1, 'backing-off')
    await app.operations.claim(id)
    const settlement = {
      state: 'queued' as const,
      delayMs: 600_000,
      error: { code: 'ipam_busy', message: 'wait' },
    }
    await app.operations.settle({ id, epoch: 1, settlement, steps: [] })
    await loseQueue()
    await app.dispatcher.round()
    const { announceAt } = await app.db.operation.findUniqueOrThrow({ where: { id } })
    expect(Number(announceAt) - Date.now()).toBeGreaterThan(500_000)
    await app.desk.operations.cancel(admin, id)
  })
})
