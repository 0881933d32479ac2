import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jobIdOf } from '../../../src/queue/names.ts'
import { furnish } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'

describe.skipIf(queueMissing)('An operation that is stored while another one is before it', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({ work: false })
    await furnish(app)
  })
  afterAll(() => app.shutDown())

  const isAnnounced = async (id = '') =>
    (await app.queues.queue('allocate').getJob(jobIdOf('allocate', id, 0))) !== undefined

  /** A service, and an order for it that comes while its first operation is as told. */
  async function orderBehind(service: string, state: 'queued' | 'running') {
    const [created] = await app.intake.accept([events.created({ id: service })], 'http')
    if (state === 'running') await app.operations.claim(created?.operations[0] ?? '')
    const [ordered] = await app.intake.accept([events.ordered(service, 'o', { count: 2 })], 'http')
    return Promise.all((ordered?.operations ?? []).map(isAnnounced))
  }

  it('is announced at once: the other may end before it can see that there is a next one', async () => {
    expect(await orderBehind('s1', 'running')).toEqual([true, false])
    expect(await orderBehind('s2', 'queued')).toEqual([true, false])
  })
})
