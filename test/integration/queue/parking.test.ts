import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('an allocation that finds its pool full', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp({ work: false })
    await app.desk.pools.add(admin, {
      name: 'single',
      cidr: '192.0.2.7/32',
      quarantineSeconds: 0,
      connection: 'builtin',
    })
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
  })
  afterAll(() => app.shutDown())

  const send = async (event: object) => (await app.intake.accept([event], 'http'))[0]?.operations[0] ?? ''
  const stateOf = async (id: string) => (await app.desk.operations.show(id)).state

  it('is served at once although the address comes back just before it is parked', async () => {
    await app.runner.run(await send(events.created({ id: 'first' })))
    const late = await send(events.created({ id: 'late' }))
    const { settle } = app.operations
    app.operations.settle = async item => {
      app.operations.settle = settle
      // It has seen that the pool is full, and nobody who has space to give sees it parked yet.
      await app.runner.run(await send(events.deleted('first')))
      await app.dispatcher.round()
      return settle(item)
    }
    await app.runner.run(late)
    await until('it is woken', async () => (await stateOf(late)) === 'queued', 5_000)
    await app.runner.run(late)
    expect(await app.desk.services.show(admin, 'late')).toMatchObject({
      addresses: [{ address: '192.0.2.7', state: 'active' }],
    })
  })

  it('is woken by an address that returns, whatever else is parked before it', async () => {
    const operation = await send(events.created({ id: 'later' }))
    await app.runner.run(operation)
    expect(await stateOf(operation)).toBe('parked')
    const other = await app.db.operation.findFirstOrThrow({ where: { serviceId: 'first', kind: 'release' } })
    await app.db.operation.update({ where: { id: other.id }, data: { state: 'parked', endedAt: null } })
    await app.runner.run(await send(events.deleted('late')))
    await app.dispatcher.round()
    await until('it is woken', async () => (await stateOf(operation)) === 'queued', 5_000)
    await app.db.operation.update({ where: { id: other.id }, data: { state: 'done', endedAt: new Date() } })
  })
})
