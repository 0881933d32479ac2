import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importEvents } from '../../src/cli/event-import.ts'
import { furnish, startTestApi, type TestApi } from '../helpers/api.ts'
import { queueMissing } from '../helpers/app.ts'
import { events } from '../helpers/events.ts'
import { until } from '../helpers/until.ts'

const most = 5

describe.skipIf(queueMissing)('While as many operations wait for a worker as may, an event', () => {
  let bed: TestApi
  let stop: (() => Promise<void>) | undefined
  const operations = () => bed.app.db.operation.count()
  const send = (id: string) => bed.ask('billing', 'POST', '/api/v1/events', { body: events.created({ id }) })

  beforeAll(async () => {
    bed = await startTestApi({ work: false, env: { IPBRIDGE_MAX_BACKLOG: String(most) } })
    await furnish(bed.app)
    for (let n = 0; n < most; n++) expect((await send(`early-${n}`)).statusCode).toBe(202)
  })
  afterAll(async () => {
    await stop?.()
    await bed.shutDown()
  })

  it('over HTTP is refused with when to come back, and nothing of it is stored', async () => {
    const answer = await send('late')
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5'])
    expect(answer.json()).toMatchObject({
      code: 'overloaded',
      detail: expect.stringMatching(/^5 operations wait/),
    })
    expect(await operations()).toBe(most)
    expect(await bed.app.db.event.count()).toBe(most)
  })

  it('that is wrong is told so all the same', async () => {
    const answer = await bed.ask('billing', 'POST', '/api/v1/events', { body: { specversion: '1.0' } })
    expect(answer.statusCode).toBe(422)
  })

  it('on the queue or in a file waits, and is taken in once workers have caught up, like those before', async () => {
    const job = events.created({ id: 'from-queue' })
    await bed.app.queues.queue('billing-events').add(job.type, job)
    const imported = { lines: 0, accepted: 0, duplicate: 0, superseded: 0, refused: 0 }
    async function* lines() {
      yield { number: 1, bytes: 10, input: events.created({ id: 'from-file' }) }
    }
    const importing = importEvents(lines(), {
      intake: bed.app.intake,
      signal: AbortSignal.timeout(30_000),
      imported,
      onRefused: (_, reason) => expect.fail(reason),
      onProgress: () => {},
    })
    expect(await operations()).toBe(most)
    stop = bed.app.work({ concurrency: 5 })
    await importing
    expect(imported.accepted).toBe(1)
    await until('the event of the queue is done', () =>
      bed.app.db.operation.findFirst({ where: { serviceId: 'from-queue', state: 'done' } }),
    )
    expect((await send('late')).statusCode).toBe(202)
    await until('everything that was taken in is done', async () => {
      const done = await bed.app.db.operation.count({ where: { state: 'done' } })
      return done === most + 3
    })
  })
})
