import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { type Ipmanager, startIpmanager } from '../../helpers/ipmanager.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('A conflict', () => {
  let bed: TestApi
  let panel: Ipmanager
  const taken = '203.0.113.2'

  beforeAll(async () => {
    panel = await startIpmanager()
    bed = await startTestApi()
    const connection = {
      name: 'ipm',
      driver: 'ipmanager',
      url: panel.url,
      login: 'bill',
      password: 'bill-password',
    }
    const admin = { adminlogin: 'bill_admin', adminpassword: 'admin-password' }
    const made = [
      await bed.ask('admin', 'POST', '/api/v1/connections', { body: { ...connection, ...admin } }),
      await bed.ask('admin', 'POST', '/api/v1/servers', { body: { name: 'node1', connection: 'ipm' } }),
      await bed.ask('admin', 'POST', '/api/v1/services', {
        body: {
          id: 'old',
          kind: 'vps',
          client: 'c',
          domain: 'old.example.net',
          server: 'node1',
          addresses: [taken],
        },
      }),
      await bed.ask('billing', 'POST', '/api/v1/events?wait', { body: events.created({ id: 'new' }) }),
    ]
    expect(made.map(answer => answer.statusCode)).toEqual([201, 201, 201, 200])
  })
  afterAll(async () => {
    await bed.shutDown()
    await panel.stop()
  })

  const list = async (query = '') =>
    (await bed.ask('viewer', 'GET', `/api/v1/conflicts${query}`)).json().items
  const metric = async () => {
    const { body } = await bed.ask(undefined, 'GET', '/metrics')
    return body.match(/^ipbridge_conflicts_open (\d+)$/m)?.[1]
  }
  const resolve = (id: string, body: unknown, role: 'operator' | 'viewer' = 'operator') =>
    bed.ask(role, 'POST', `/api/v1/conflicts/${id}/resolve`, { body })

  it('is listed with both services, counted, and told to billing', async () => {
    expect(await list('?open=true')).toMatchObject([
      {
        address: taken,
        connection: 'ipm',
        holder: 'old',
        claimant: 'new',
        claimantAddress: '203.0.113.3',
        state: 'open',
      },
    ])
    expect(await metric()).toBe('1')
    // What others write at the same time may come before it, and holds it back for a moment.
    const messages = await until('the outbox shows it', async () => {
      const { items } = (await bed.ask('billing', 'GET', '/api/v1/outbox?type=address.conflict')).json()
      return items.length > 0 ? items : undefined
    })
    expect(messages).toMatchObject([
      { service: 'new', data: { address: taken, holder: 'old', connection: 'ipm' } },
    ])
  })

  it('is decided by those who may, with a known way out and a reason', async () => {
    const [{ id }] = await list()
    expect((await resolve(id, { resolution: 'holder', reason: 'x' }, 'viewer')).statusCode).toBe(403)
    expect((await resolve(id, { resolution: 'holder' })).json()).toMatchObject({
      status: 422,
      errors: [{ pointer: '/reason' }],
    })
    expect((await resolve(id, { resolution: 'coin', reason: 'x' })).json().detail).toContain(
      'must be "holder", "claimant" or "free"',
    )
    expect((await resolve(id, { resolution: 'free', reason: 'x' })).json()).toMatchObject({
      status: 409,
      code: 'still_in_use',
    })
    const nowhere = '01a21a5f-28b1-70a0-941e-54d10856db97'
    expect((await resolve(nowhere, { resolution: 'free', reason: 'x' })).statusCode).toBe(404)
    expect(await metric()).toBe('1')
  })

  it('is resolved for its claimant in the panel’s own books, and counts no more', async () => {
    const [{ id }] = await list()
    const answer = await resolve(id, { resolution: 'claimant', reason: 'the old server is gone' })
    expect([answer.statusCode, answer.json()]).toMatchObject([
      202,
      { state: 'deciding', resolution: 'claimant' },
    ])
    const { operations } = answer.json()
    expect(operations).toHaveLength(4)
    await until('all of it is done', async () => {
      const standing = await bed.app.desk.operations.standing(operations)
      // What waits for another looks again by itself, but not at once.
      const waits = standing.filter(({ state }) => state === 'waiting' || state === 'parked')
      for (const operation of waits)
        await bed.app.desk.operations.retry({ name: 'test', role: 'admin' }, operation.id)
      return standing.every(({ state }) => state === 'done')
    })
    const shown = await until('it is resolved', async () => {
      const conflict = (await bed.ask('viewer', 'GET', `/api/v1/conflicts/${id}`)).json()
      return conflict.state === 'resolved' ? conflict : undefined
    })
    expect(shown).toMatchObject({ claimantAddress: taken, resolvedAt: expect.any(String) })
    expect(panel.books.look(taken)).toMatchObject({ domain: 'new.example.net.' })
    expect(
      panel.books
        .held()
        .map(record => record.domain)
        .sort(),
    ).toEqual(['new.example.net.', 'old.example.net.'])
    // The more a measurement costs, the rarer it is made.
    await until('it counts no more', async () => (await metric()) === '0', 60_000)
    expect(await list('?open=true')).toEqual([])
  }, 90_000)
})
