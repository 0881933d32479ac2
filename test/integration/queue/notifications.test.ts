import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Announcement } from '../../../src/db/operations.ts'
import { jobOf } from '../../../src/queue/names.ts'
import { furnish } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('a notification', () => {
  let app: TestApp

  beforeAll(async () => {
    // Nothing is announced by itself but what is due by the ledger.
    app = await startTestApp()
    await furnish(app)
  })
  afterAll(() => app.shutDown())

  const queue = () => app.queues.queue('allocate')
  const settled = async (ids: string[]) => [...(await app.desk.operations.settled(ids, 15_000)).values()]

  /** Operations whose notifications were lost, and which the dispatcher does not look at for now. */
  async function takeInUnheard(...inputs: object[]): Promise<Announcement[]> {
    await app.queues.queue('allocate').pause()
    const receipts = await app.intake.accept(inputs, 'http')
    const ids = receipts.flatMap(receipt => receipt.operations)
    await queue().drain(true)
    await app.db.operation.updateMany({
      where: { id: { in: ids } },
      data: { announceAt: new Date(Date.now() + 3_600_000) },
    })
    await queue().resume()
    return ids.map(id => ({ id, kind: 'allocate', epoch: 0 }))
  }

  it('that is lost is made up for', async () => {
    const lost = await takeInUnheard(events.created({ id: 'lost' }))
    await app.db.operation.updateMany({
      where: { id: { in: lost.map(({ id }) => id) } },
      data: { announceAt: new Date() },
    })
    expect(await settled(lost.map(({ id }) => id))).toEqual(['done'])
  })

  it('that comes many times, under the same id and under others, has one effect', async () => {
    const [operation] = await takeInUnheard(events.created({ id: 'doubled' }))
    const { name, data, opts } = jobOf(operation as Announcement)
    await queue().addBulk(
      Array.from({ length: 30 }, (_, n) => ({
        name,
        data,
        opts: { ...opts, jobId: n < 10 ? opts.jobId : `${opts.jobId}-again-${n}` },
      })),
    )
    expect(await settled([operation?.id ?? ''])).toEqual(['done'])
    await until(
      'all of them were heard',
      async () => (await queue().count()) + (await queue().getActiveCount()) === 0,
    )
    const { attempts, steps } = await app.desk.operations.show(operation?.id ?? '')
    expect([attempts, steps.filter(step => step.name === 'record').length]).toEqual([1, 1])
    expect(await app.db.outbox.count({ where: { operationId: operation?.id ?? '' } })).toBe(1)
  })

  it('that comes after all is done changes nothing', async () => {
    const [operation] = await takeInUnheard(events.created({ id: 'late' }))
    await app.announcer.announce([operation as Announcement])
    await settled([operation?.id ?? ''])
    const before = await app.desk.operations.show(operation?.id ?? '')
    // Its job is gone, and with it BullMQ's memory of the id: the same id is a new job.
    await until(
      'its job is gone',
      async () => !(await queue().getJob(jobOf(operation as Announcement).opts.jobId)),
    )
    await app.announcer.announce([operation as Announcement])
    await until('it was heard', async () => (await queue().count()) + (await queue().getActiveCount()) === 0)
    expect(await app.desk.operations.show(operation?.id ?? '')).toEqual(before)
  })

  it('that overtakes that of an earlier operation of its service waits for it', async () => {
    const created = events.created({ id: 'overtaken' }, { at: 1 })
    const orders = [1, 2, 3, 4].map(n => events.ordered('overtaken', `o${n}`, { at: n + 1 }))
    const operations = await takeInUnheard(created, ...orders)
    for (const operation of operations.toReversed()) await app.announcer.announce([operation])
    const ids = operations.map(({ id }) => id)
    expect(await settled(ids)).toEqual(ids.map(() => 'done'))
    const rows = await app.db.operation.findMany({ where: { id: { in: ids } }, orderBy: { endedAt: 'asc' } })
    expect(rows.map(row => row.id)).toEqual(ids)
  })

  it('of an operation whose turn has not come is not repeated every second', async () => {
    const [first, second] = await takeInUnheard(
      events.created({ id: 'patient' }, { at: 1 }),
      events.ordered('patient', 'o1', { at: 2 }),
    )
    const pause = async () => {
      await app.db
        .$executeRaw`update operation set announcements = announcements + 1 where id = ${second?.id}::uuid`
      expect(await app.operations.claim(second?.id ?? '')).toBeUndefined()
      const [row] = await app.db.$queryRaw<{ seconds: number }[]>`
        select extract(epoch from announce_at - now())::float8 as seconds from operation where id = ${second?.id}::uuid`
      return Math.ceil(row?.seconds ?? 0)
    }
    const pauses = [await pause(), await pause(), await pause(), await pause()]
    expect(pauses).toEqual([2, 4, 8, 16])
    await app.announcer.announce([first as Announcement])
    expect(await settled([first?.id ?? '', second?.id ?? ''])).toEqual(['done', 'done'])
  })

  it('that is about nothing of ours is refused with its reason', async () => {
    const job = await queue().add('allocate', { v: 2, operation: 'something else' })
    await until('it has failed', async () => (await job.getState()) === 'failed')
    const { failedReason, attemptsMade } = (await queue().getJob(job.id ?? '')) ?? {}
    expect([failedReason, attemptsMade]).toEqual(['this job is not an operation of ipbridge', 1])
  })

  it('about an operation that does not exist is heard and forgotten', async () => {
    const job = await queue().add('allocate', { v: 1, operation: '00000000-0000-7000-8000-00000000abcd' })
    await until('it has completed', async () => (await job.getState()) === 'completed')
  })
})
