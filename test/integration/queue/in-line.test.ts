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

describe.skipIf(queueMissing)('An operation whose turn has come', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({ work: false })
    await furnish(app)
  })
  afterAll(() => app.shutDown())

  /** Ends the operation before it. @returns how long it still takes until it is announced again, in milliseconds */
  async function pauseOfNext(service: string, next: { announcements: number; errorCode?: string }) {
    const addresses = [{ family: 'ipv4' as const, count: 2 }]
    const [receipt] = await app.intake.accept([events.created({ id: service }, { addresses })], 'http')
    const [first = '', second = ''] = receipt?.operations ?? []
    await app.operations.claim(first)
    const announceAt = new Date(Date.now() + 600_000)
    await app.db.operation.update({ where: { id: second }, data: { ...next, announceAt } })
    await app.operations.settle({ id: first, epoch: 1, settlement: { state: 'done' }, steps: [] })
    const row = await app.db.operation.findUniqueOrThrow({ where: { id: second } })
    return Number(row.announceAt) - Date.now()
  }

  it('is announced again within seconds, should the queue be away just then, however long it stood in line', async () => {
    expect(await pauseOfNext('s1', { announcements: 6 })).toBeLessThan(6_000)
  })

  it('is not hurried where it waits for its next try', async () => {
    const waits = { announcements: 0, errorCode: 'ipam_busy' }
    expect(await pauseOfNext('s2', waits)).toBeGreaterThan(500_000)
  })
})
