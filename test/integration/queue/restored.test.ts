import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { IpbridgeError } from '../../../src/errors.ts'
import { memoryIpam } from '../../../src/ipam/memory.ts'
import { admin } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('a queue that is newer than the ledger, which was restored', () => {
  let app: TestApp
  let refuses = true

  beforeAll(async () => {
    const books = memoryIpam({ pools: { p: '10.0.0.0/24' } })
    const moody = async (...args: Parameters<typeof books.request>) => {
      if (refuses) throw new IpbridgeError('ipam_refused', 'not today')
      return books.request(...args)
    }
    app = await startTestApp({ ipamDrivers: { moody: () => ({ ...books, request: moody }) } })
    await app.desk.connections.add(admin, { name: 'ipam', driver: 'moody' })
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'ipam' })
  })
  afterAll(() => app.shutDown())

  const stateOf = async (id: string) => (await app.desk.operations.show(id)).state

  it('does not keep an operation from being done that it remembers as failed', async () => {
    const [receipt] = await app.intake.accept([events.created({ id: 's1' })], 'http')
    const [id = ''] = receipt?.operations ?? []
    await until('it has failed', async () => (await stateOf(id)) === 'failed')
    await until('its job, too', async () => (await app.queues.queue('allocate').getFailedCount()) === 1)
    refuses = false
    await app.db.operationStep.deleteMany({ where: { operationId: id } })
    await app.db.operation.update({
      where: { id },
      data: {
        state: 'queued',
        epoch: 0,
        attempts: 0,
        errorCode: null,
        errorMessage: null,
        endedAt: null,
        announcements: 1,
      },
    })
    await app.db.$executeRaw`update operation set announce_at = now()`
    await until('it is done', async () => (await stateOf(id)) === 'done')
    expect(await app.queues.queue('allocate').getFailedCount()).toBe(0)
  })
})
