import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { furnishScripted, scriptedIpam } from '../../helpers/scripted-ipam.ts'

describe.skipIf(queueMissing)('An allocation that an operator cancels', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({ work: false, ipamDrivers: scriptedIpam().drivers })
    await furnishScripted(app)
  })
  afterAll(() => app.shutDown())

  async function create(service: string): Promise<string> {
    const [receipt] = await app.intake.accept([events.created({ id: service })], 'http')
    return receipt?.operations[0] ?? ''
  }
  const releaseOf = (service: string) =>
    app.db.operation.findFirstOrThrow({ where: { serviceId: service, kind: 'release' } })

  it('in the middle is cleared away only when its worker can do nothing more', async () => {
    const id = await create('in-the-middle')
    expect(await app.operations.claim(id)).toBeDefined()
    const { leaseUntil } = await app.db.operation.findUniqueOrThrow({ where: { id } })
    await app.desk.operations.cancel(admin, id)
    const { id: release, state, announceAt } = await releaseOf('in-the-middle')
    expect([state, Number(announceAt) >= Number(leaseUntil)]).toEqual(['parked', true])
    expect(await app.operations.claim(release)).toBeUndefined()
  })

  it('is cleared away on the server that the service was on', async () => {
    await app.desk.operations.cancel(admin, await create('moves-later'))
    expect(await releaseOf('moves-later')).toMatchObject({
      state: 'queued',
      payload: { leaves: { server: 'node1' } },
    })
  })
})
