import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { furnish } from '../../helpers/api.ts'
import { joinTestApp, queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('a worker that dies after it has fetched a job, and before its claim', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({ work: false })
    await furnish(app)
  })
  afterAll(() => app.shutDown())

  const isFetched = async () => (await app.queues.queue('allocate').getActiveCount()) === 1
  /** Announces it once more, as if its time had come. */
  async function announceAgain(id: string): Promise<void> {
    await app.db.$executeRaw`update operation set announce_at = now() where id = ${id}::uuid`
    await app.dispatcher.round()
  }
  const announcement = async (id: string) => app.db.operation.findUniqueOrThrow({ where: { id } })

  it('does not hold its operation up until the queue has noticed', async () => {
    const dead = app.queues.work('allocate', () => new Promise(() => {}), { lockDuration: 600_000 })
    const [receipt] = await app.intake.accept([events.created({ id: 's1' })], 'http')
    const [id = ''] = receipt?.operations ?? []
    await until('it has fetched the job', isFetched)
    await dead.close(true)
    await announceAgain(id)
    await announceAgain(id)
    const worker = await joinTestApp(app)
    expect((await app.desk.operations.settled([id], 20_000)).get(id)).toBe('done')
    expect((await announcement(id)).epoch).toBe(1)
    await worker.shutDown()
  })

  it('has its operation told of once more only: what waits in a long queue is not repeated', async () => {
    const [receipt] = await app.intake.accept([events.created({ id: 's2' })], 'http')
    const [id = ''] = receipt?.operations ?? []
    const waiting = () => app.queues.queue('allocate').getWaitingCount()
    await until('it waits', async () => (await waiting()) === 1)
    for (let round = 0; round < 4; round++) await announceAgain(id)
    expect((await announcement(id)).announcements).toBe(4)
    expect(await waiting()).toBe(1)
  })
})
