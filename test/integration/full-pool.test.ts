import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin } from '../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'
import { events } from '../helpers/events.ts'
import { until } from '../helpers/until.ts'

const clients = 200

describe.skipIf(queueMissing)('a pool with exactly enough space', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp({ work: { concurrency: clients } })
    // 200 addresses are left: .2 to .201.
    await app.desk.pools.add(admin, {
      name: 'exact',
      cidr: '192.0.2.0/24',
      gateway: '192.0.2.1',
      exclude: ['192.0.2.202-192.0.2.254'],
      quarantineSeconds: 0,
      connection: 'builtin',
    })
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
  })
  afterAll(() => app.shutDown())

  const create = async (id: string) => (await app.intake.accept([events.created({ id })], 'http'))[0]
  const active = () => app.db.assignment.findMany({ where: { state: 'active' } })

  it('serves all of two hundred clients that come at once, each with an address of its own', async () => {
    const receipts = await Promise.all(Array.from({ length: clients }, (_, n) => create(`client-${n}`)))
    await app.desk.operations.settled(
      receipts.flatMap(receipt => receipt?.operations ?? []),
      60_000,
    )
    const served = await active()
    expect(served.length).toBe(clients)
    expect(new Set(served.map(row => row.address)).size).toBe(clients)
    // Nobody was told that the pool is full while it was only busy.
    const excuses = await app.db.operationStep.findMany({ where: { outcome: { in: ['failed', 'unknown'] } } })
    expect(excuses.map(step => step.detail)).toEqual([])
  }, 90_000)

  it('parks one more, which is told that the pool is full, and serves it as soon as an address returns', async () => {
    const [operation = ''] = (await create('one-more'))?.operations ?? []
    const parked = await until('it is parked', async () => {
      const shown = await app.desk.operations.show(operation)
      return shown.state === 'parked' ? shown : undefined
    })
    expect(parked.error).toMatchObject({ code: 'pool_exhausted', message: expect.stringContaining('full') })

    const [leaver] = await active()
    await app.intake.accept([events.deleted(leaver?.serviceId ?? '')], 'http')
    await until('it is served', async () => (await app.desk.operations.show(operation)).state === 'done')
    expect((await app.desk.services.show(admin, 'one-more')).addresses).toMatchObject([
      { address: leaver?.address, state: 'active' },
    ])
  })
})
