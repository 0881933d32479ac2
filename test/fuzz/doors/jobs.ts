import fc from 'fast-check'
import { expect } from 'vitest'
import { eventQueue, operationQueues } from '../../../src/queue/names.ts'
import { furnish, startTestApi } from '../../helpers/api.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'
import type { Door } from '../door.ts'
import { watchLedger } from '../ledger.ts'
import { type Change, changes, mutate } from '../make/mutate.ts'
import { nastyText, nastyValue } from '../make/nasty.ts'
import { nearlyEvents } from '../make/samples.ts'

interface Input {
  queue: string
  name: string
  data: unknown
  list: Change[]
}

/** What somebody puts into the queues beside us. */
export async function openJobs() {
  const bed = await startTestApi({ work: { concurrency: 5 } })
  const { app } = bed
  await furnish(app, '10.0.0.0/16')
  const ledger = await watchLedger(app.db)
  const before = await ledger.mark()

  async function enter({ queue, name, data, list }: Input): Promise<void> {
    const jobs = app.queues.queue(queue)
    const job = await jobs.add(name, mutate(data, list)).catch(error => {
      // BullMQ itself does not take everything.
      expect(String(error)).not.toBe('')
    })
    if (job === undefined) return
    await until('the job has ended', async () => {
      const found = await jobs.getJob(job.id ?? '')
      if (found?.failedReason) expect(found.failedReason).not.toMatch(/^internal/)
      return found === undefined || found.finishedOn !== undefined
    })
  }

  /** Nothing came of what was no operation; what is one is done. */
  async function end(): Promise<void> {
    const operations = await app.db.operation.findMany({
      where: { cause: { not: { startsWith: 'event:' } } },
    })
    expect(operations).toEqual([])
    const body = events.created({ id: 'after-all' })
    const answer = await bed.ask('billing', 'POST', '/api/v1/events?wait=30', { body })
    expect(answer.json()).toMatchObject({ events: [{ state: 'done' }] })
    expect(await ledger.mark()).not.toEqual(before)
  }

  const operation = { v: 1, operation: crypto.randomUUID() }
  const ours = fc.record({
    queue: fc.constantFrom(...operationQueues),
    name: fc.oneof(fc.constantFrom('allocate', 'release', '__proto__', 'constructor', 'toString'), nastyText),
    data: fc.oneof(fc.constant(operation), nastyValue),
    list: changes,
  })
  const theirs = nearlyEvents.chain(data =>
    fc.record({
      queue: fc.constant(eventQueue),
      name: fc.oneof(
        { weight: 9, arbitrary: fc.constant(typeOf(data)) },
        { weight: 1, arbitrary: nastyText },
      ),
      data: fc.constant(data),
      list: fc.constant<Change[]>([]),
    }),
  )
  const door: Door<Input> = { name: 'Jobs in the queue', inputs: fc.oneof(ours, theirs), enter, share: 0.5 }
  return { door, end, bed }
}

function typeOf(event: unknown): string {
  const type = (event as { type?: unknown } | null)?.type
  return typeof type === 'string' ? type : 'service.created'
}
