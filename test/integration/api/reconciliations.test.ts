import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { fillLedger } from '../../helpers/books.ts'

describe.skipIf(queueMissing)('Plans over HTTP', () => {
  let bed: TestApi

  beforeAll(async () => {
    bed = await startTestApi()
    await bed.app.desk.pools.add(admin, { name: 'v4', cidr: '10.0.0.0/16', connection: 'builtin' })
    await bed.app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
    // The IPAM has none of them: more than what stands beside a plan.
    await fillLedger(bed.app, { connection: 'builtin', server: 'node1', first: '10.0.1.0', count: 1_200 })
    await bed.app.db.$executeRaw`
      insert into pool_address (pool_id, address, state, owner)
      select id, '10.0.200.1', 'held', '=cmd()' from pool where name = 'v4'`
  })
  afterAll(() => bed.shutDown())

  const get = (path: string) => bed.ask('operator', 'GET', `/api/v1/reconciliations${path}`)

  async function reconcile() {
    const started = await bed.ask('operator', 'POST', '/api/v1/reconciliations', {
      body: { connection: 'builtin' },
    })
    const { id } = started.json()
    await bed.app.desk.operations.settled([id], 20_000)
    const [plan] = (await get('?connection=builtin')).json().items
    return { operation: id, plan }
  }

  it('show how far their run is, on the plan and on its operation', async () => {
    const { operation, plan } = await reconcile()
    expect(plan).toMatchObject({
      state: 'planned',
      compared: 1_201,
      total: 1_201,
      counts: { missing: 1_200, unknown: 1 },
    })
    const shown = await bed.ask('operator', 'GET', `/api/v1/operations/${operation}`)
    expect(shown.json().progress).toEqual({ compared: 1_201, total: 1_201 })
  })

  it('come with their first findings; the others are in pages', async () => {
    const { plan } = await reconcile()
    const shown = (await get(`/${plan.id}`)).json()
    expect(shown.findings).toHaveLength(1_000)
    const rest = (await get(`/${plan.id}/findings?limit=1000&cursor=${shown.findingsNext}`)).json()
    expect([rest.items.length, rest.next]).toEqual([201, null])
    const addresses = [...shown.findings, ...rest.items].map(finding => finding.address)
    expect(new Set(addresses).size).toBe(1_201)
    const unknown = (await get(`/${plan.id}/findings?class=unknown`)).json()
    expect(unknown.items).toMatchObject([
      { address: '10.0.200.1', action: 'report', change: 'still', streak: 2 },
    ])
    expect((await get(`/${plan.id}/findings?class=nope`)).statusCode).toBe(422)
  })

  it('are reviewed by class, by address and by finding, and have another hash afterwards', async () => {
    const { plan } = await reconcile()
    const patch = (body: object) =>
      bed.ask('operator', 'PATCH', `/api/v1/reconciliations/${plan.id}`, { body })
    const [first] = (await get(`/${plan.id}/findings?limit=1`)).json().items
    const reviewed = await patch({
      decisions: [
        { class: 'missing', decision: 'ignore' },
        { finding: first.id, decision: 'accept' },
        { address: '10.0.200.1', decision: 'ignore' },
      ],
      reason: 'seen',
    })
    expect(reviewed.statusCode).toBe(200)
    expect(reviewed.json()).toMatchObject({ counts: { missing: 1 }, changes: { ignored: 1_200 } })
    expect(reviewed.json().hash).not.toBe(plan.hash)
    const apply = (hash: string) =>
      bed.ask('operator', 'POST', `/api/v1/reconciliations/${plan.id}/apply`, { body: { hash } })
    expect((await apply(plan.hash)).json().code).toBe('plan_stale')
    const applied = await apply(reviewed.json().hash)
    expect(applied.json().operations).toHaveLength(1)
    await bed.app.desk.operations.settled(applied.json().operations, 10_000)
    expect((await patch({ decisions: [{ class: 'missing', decision: 'accept' }] })).json().code).toBe(
      'plan_stale',
    )

    const { plan: next } = await reconcile()
    expect(next).toMatchObject({ counts: {}, changes: { new: 0, still: 0, gone: 1, ignored: 1_200 } })
    const gone = (await get(`/${next.id}/findings?change=gone`)).json().items
    expect(gone).toMatchObject([
      { address: first.address, change: 'gone', operation: applied.json().operations[0] },
    ])
    const audited = await bed.app.desk.journals.audit({ subject: `reconciliation:${plan.id}` })
    expect(audited.items.map(({ action, reason }) => [action, reason])).toEqual([
      ['reconciliation.apply', null],
      ['reconciliation.review', 'seen'],
    ])
  })

  it('refuse a review of what they do not have, and of nothing', async () => {
    const { plan } = await reconcile()
    const patch = async (decisions: object[]) =>
      (
        await bed.ask('operator', 'PATCH', `/api/v1/reconciliations/${plan.id}`, { body: { decisions } })
      ).json()
    expect((await patch([{ address: '192.0.2.1', decision: 'ignore' }])).detail).toContain(
      'no finding 192.0.2.1',
    )
    expect((await patch([{ decision: 'ignore' }])).code).toBe('invalid_request')
    expect((await patch([])).code).toBe('invalid_request')
    const viewer = await bed.ask('viewer', 'PATCH', `/api/v1/reconciliations/${plan.id}`, {
      body: { decisions: [{ class: 'unknown', decision: 'ignore' }] },
    })
    expect(viewer.statusCode).toBe(403)
  })

  it('are given whole as JSON and as CSV, in which no cell is a formula', async () => {
    const { plan } = await reconcile()
    const json = await get(`/${plan.id}/export`)
    expect(json.headers['content-type']).toContain('application/json')
    expect(json.json()).toMatchObject({ id: plan.id, hash: plan.hash, gone: [] })
    expect(json.json().findings).toHaveLength(1_200)
    const csv = await get(`/${plan.id}/export?format=csv`)
    expect(csv.headers['content-disposition']).toBe(`attachment; filename="reconciliation-${plan.id}.csv"`)
    const lines = csv.body.trim().split('\n')
    expect(lines[0]).toBe('class,address,service,change,streak,decision,action,note,operation,ours,theirs')
    expect(lines).toHaveLength(1_201)
    expect(lines.filter(line => /^[=+@-]|,"?[=+@-]/.test(line))).toEqual([])
    expect((await get('/00000000-0000-7000-8000-000000000000/export')).statusCode).toBe(404)
  })
})

describe.skipIf(queueMissing)('The policies of a connection', () => {
  let bed: TestApi
  beforeAll(async () => {
    bed = await startTestApi({ work: false })
  })
  afterAll(() => bed.shutDown())

  const change = (reconcile: object) =>
    bed.ask('admin', 'PATCH', '/api/v1/connections/builtin', { body: { options: { reconcile } } })

  it('are kept with its options, and shown', async () => {
    const changed = await change({ policies: { ptr: 'fix-ours', unknown: 'ignore' }, maxReleases: 3 })
    expect(changed.statusCode).toBe(200)
    expect(changed.json().options.reconcile).toEqual({
      policies: { ptr: 'fix-ours', unknown: 'ignore' },
      maxReleases: 3,
    })
  })

  it.each([
    [
      { policies: { orphan: 'adopt' } },
      '/options/reconcile/policies/orphan',
      '"fix-theirs", "report" or "ignore"',
    ],
    [{ policies: { unknown: 'fix-theirs' } }, '/options/reconcile/policies/unknown', '"report" or "ignore"'],
    [{ policies: { nope: 'report' } }, '/options/reconcile/policies', 'nope'],
    [{ maxReleasePercent: 101 }, '/options/reconcile/maxReleasePercent', '100'],
    [{ stuckHours: 0 }, '/options/reconcile/stuckHours', '0.1'],
  ])('are refused as %j', async (reconcile, pointer, message) => {
    const refused = await change(reconcile)
    expect(refused.statusCode).toBe(422)
    const [fault] = refused.json().errors
    expect(fault.pointer).toContain(pointer)
    expect(`${fault.pointer} ${fault.message}`).toContain(message)
  })
})
