import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('what operators look after', () => {
  let bed: TestApi

  beforeAll(async () => {
    bed = await startTestApi()
  })
  afterAll(() => bed.shutDown())

  const as = (who: 'admin' | 'operator') => ({
    get: (path: string) => bed.ask(who, 'GET', `/api/v1${path}`),
    post: (path: string, body?: object) => bed.ask(who, 'POST', `/api/v1${path}`, { body }),
    patch: (path: string, body: object) => bed.ask(who, 'PATCH', `/api/v1${path}`, { body }),
    remove: (path: string) => bed.ask(who, 'DELETE', `/api/v1${path}`),
  })
  const [admin, operator] = [as('admin'), as('operator')]
  const audited = async (subject: string) =>
    (await admin.get(`/audit?subject=${encodeURIComponent(subject)}`)).json().items

  it('a pool is added, shown, changed and removed', async () => {
    const added = await operator.post('/pools', {
      name: 'p',
      cidr: '10.1.0.0/24',
      gateway: '10.1.0.1',
      exclude: ['10.1.0.2-10.1.0.9'],
      reason: 'new rack',
    })
    expect(added.statusCode).toBe(201)
    expect(added.json()).toMatchObject({
      name: 'p',
      cidr: '10.1.0.0/24',
      total: '245',
      free: '245',
      used: 0,
      low: false,
    })
    const changed = await operator.patch('/pools/p', { lowWater: 10, reason: 'alarm' })
    expect(changed.json()).toEqual({ ...added.json(), lowWater: 10, updatedAt: changed.json().updatedAt })
    expect((await operator.get('/pools/p')).json()).toEqual(changed.json())
    expect((await operator.remove('/pools/p?reason=gone')).statusCode).toBe(204)
    expect((await operator.get('/pools/p')).statusCode).toBe(404)
    expect(await audited('pool:p')).toMatchObject([
      { action: 'pool.remove', reason: 'gone', actor: 'operator of the tests', role: 'operator' },
      { action: 'pool.change', reason: 'alarm', change: { lowWater: 10 } },
      { action: 'pool.add', reason: 'new rack', remote: '127.0.0.1' },
    ])
  })

  it('a server keeps what a change does not name', async () => {
    await admin.post('/connections', { name: 'second', driver: 'builtin', addressSpace: 'second' })
    const added = await admin.post('/servers', {
      name: 'S1',
      connection: 'second',
      url: 'https://panel.example.net',
      login: 'root',
    })
    expect(added.statusCode).toBe(201)
    const changed = await admin.patch('/servers/S1', { url: 'https://other.example.net' })
    expect(changed.json()).toMatchObject({
      connection: 'second',
      panel: 'none',
      login: 'root',
      url: 'https://other.example.net',
    })
    expect((await operator.post('/servers/S1/test')).json()).toMatchObject({ ok: true })
    expect((await admin.remove('/connections/second')).statusCode).toBe(409)
    expect((await admin.remove('/servers/S1')).statusCode).toBe(204)
    expect((await admin.remove('/connections/second')).statusCode).toBe(204)
  })

  it('a connection is tested, and the built-in one stays what it is', async () => {
    await operator.post('/pools', { name: 'v4', cidr: '192.0.2.0/24' })
    const test = await operator.post('/connections/builtin/test')
    expect([test.statusCode, test.json()]).toMatchObject([
      200,
      { ok: true, pools: [{ name: 'v4', total: '254' }] },
    ])
    expect((await admin.patch('/connections/builtin', { driver: 'other' })).statusCode).toBe(422)
    expect((await admin.patch('/connections/builtin', { name: 'renamed' })).statusCode).toBe(422)
    expect((await admin.remove('/connections/builtin')).statusCode).toBe(409)
    const changed = await admin.patch('/connections/builtin', { conflictPtr: 'taken.example.net' })
    expect(changed.json()).toMatchObject({ driver: 'builtin', conflictPtr: 'taken.example.net' })
  })

  it('a service that exists already is entered with its addresses', async () => {
    await admin.post('/servers', { name: 'node1' })
    const body = {
      id: 'old',
      kind: 'vps',
      client: 'c',
      domain: 'old.example.net',
      server: 'node1',
      addresses: ['203.0.113.5'],
    }
    const added = await operator.post('/services', body)
    expect([added.statusCode, added.json()]).toMatchObject([
      201,
      { id: 'old', state: 'active', addresses: [{ address: '203.0.113.5', state: 'active', slot: 'main' }] },
    ])
    expect((await operator.post('/services', body)).statusCode).toBe(409)
    expect(
      (await operator.post('/services', { ...body, id: 'x', server: 'none' })).json().errors[0].pointer,
    ).toBe('/server')
  })

  it('a token is shown once, works, and works no more once revoked', async () => {
    const added = await admin.post('/tokens', { name: 'ci', role: 'viewer', reason: 'monitoring' })
    expect(added.statusCode).toBe(201)
    const { id, token } = added.json()
    const use = () => bed.ask({ token }, 'GET', '/api/v1/pools')
    expect((await use()).statusCode).toBe(200)
    expect((await admin.get(`/tokens/${id}`)).json()).toMatchObject({
      name: 'ci',
      role: 'viewer',
      revokedAt: null,
    })
    expect((await admin.get('/tokens')).body).not.toContain(token)
    await until('its use was noted', async () => (await admin.get(`/tokens/${id}`)).json().lastUsedAt)
    expect((await admin.remove(`/tokens/${id}`)).statusCode).toBe(204)
    expect((await use()).statusCode).toBe(401)
    expect((await admin.remove(`/tokens/${id}`)).statusCode).toBe(404)
    expect((await admin.post('/tokens', { name: 'c', role: 'client' })).json().errors[0].pointer).toBe(
      '/client',
    )
  })

  it('a reconciliation makes a plan, which is applied by its hash', async () => {
    await bed.ask('billing', 'POST', '/api/v1/events?wait', { body: events.created({ id: 'new' }) })
    // The built-in IPAM does not know of the address that was entered by hand.
    const started = await operator.post('/reconciliations', { connection: 'builtin', reason: 'look' })
    expect([started.statusCode, started.json()]).toMatchObject([
      202,
      { kind: 'reconcile', cause: 'operator:operator of the tests' },
    ])
    await bed.app.desk.operations.settled([started.json().id], 10_000)
    const [plan] = (await operator.get('/reconciliations?connection=builtin')).json().items
    expect(plan).toMatchObject({ operation: started.json().id, state: 'planned', counts: { missing: 1 } })
    const shown = (await operator.get(`/reconciliations/${plan.id}`)).json()
    expect(shown.findings).toMatchObject([
      { class: 'missing', address: '203.0.113.5', service: 'old', action: 'allocate', theirs: null },
    ])

    const wrong = await operator.post(`/reconciliations/${plan.id}/apply`, { hash: 'another' })
    expect([wrong.statusCode, wrong.json().code]).toEqual([409, 'plan_stale'])
    const applied = await operator.post(`/reconciliations/${plan.id}/apply`, {
      hash: plan.hash,
      reason: 'reviewed',
    })
    expect([applied.statusCode, applied.json().operations.length]).toEqual([202, 1])
    const again = await operator.post(`/reconciliations/${plan.id}/apply`, { hash: plan.hash })
    expect([again.statusCode, again.json().code]).toEqual([409, 'plan_stale'])
    expect(await audited(`reconciliation:${plan.id}`)).toMatchObject([
      { action: 'reconciliation.apply', reason: 'reviewed' },
    ])
    expect(await audited('connection:builtin')).toEqual(
      expect.arrayContaining([expect.objectContaining({ action: 'reconciliation.start', reason: 'look' })]),
    )
    expect((await operator.post('/reconciliations', { connection: 'none' })).statusCode).toBe(404)
  })

  it('an operation that failed is retried, and one that shall not be done is cancelled', async () => {
    const wish = (id: string, requested: string) =>
      events.created({ id }, { addresses: [{ family: 'ipv4', requested }] })
    const sent = await bed.ask('billing', 'POST', '/api/v1/events?wait', {
      body: [wish('r1', '198.51.100.7'), wish('r2', '100.64.0.1')],
    })
    const [first, second] = sent.json().events.map((event: { operations: string[] }) => event.operations[0])
    await operator.post('/pools', { name: 'late', cidr: '198.51.100.0/24' })
    const retried = await operator.post(`/operations/${first}/retry`, { reason: 'pool added' })
    expect(retried.statusCode).toBe(202)
    await bed.app.desk.operations.settled([first], 10_000)
    expect((await operator.get(`/operations/${first}`)).json()).toMatchObject({
      state: 'done',
      address: '198.51.100.7',
      error: null,
    })
    expect((await operator.post(`/operations/${first}/retry`)).json()).toMatchObject({
      code: 'wrong_state',
      status: 409,
    })

    const cancelled = await operator.post(`/operations/${second}/cancel`)
    expect([cancelled.statusCode, cancelled.json().state]).toEqual([200, 'cancelled'])
    expect(await audited(`operation:${first}`)).toMatchObject([
      { action: 'operation.retry', reason: 'pool added', change: { from: 'failed' } },
    ])
  })
})
