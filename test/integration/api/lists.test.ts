import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, furnish, startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'

const lists = [
  'events',
  'operations',
  'services',
  'addresses',
  'connections',
  'servers',
  'pools',
  'reconciliations',
  'tokens',
  'conflicts',
  'outbox',
  'audit',
]

describe.skipIf(queueMissing)('lists', () => {
  let bed: TestApi

  beforeAll(async () => {
    bed = await startTestApi()
    await furnish(bed.app)
    for (const n of [1, 2, 3]) {
      await bed.app.desk.servers.add(admin, { name: `more-${n}`, panel: 'none', connection: 'builtin' })
      await bed.app.desk.pools.add(admin, {
        name: `more-${n}`,
        cidr: `10.0.${n}.0/24`,
        connection: 'builtin',
      })
      await bed.app.desk.connections.add(admin, {
        name: `more-${n}`,
        driver: 'builtin',
        addressSpace: `space-${n}`,
      })
      const run = await bed.ask('operator', 'POST', '/api/v1/reconciliations', {
        body: { connection: 'builtin' },
      })
      await bed.app.desk.operations.settled([run.json().id], 10_000)
    }
    const created = ['s1', 's2', 's3', 's4', 's5'].map(id => events.created({ id }))
    const sent = await bed.ask('billing', 'POST', '/api/v1/events?wait', { body: created })
    expect(sent.statusCode).toBe(200)
    // A message is shown once no transaction that began before it can still add another before it.
    await until('all messages are shown', async () => {
      const told = await get('outbox?type=address.assigned')
      return told.json().items.length === created.length
    })
  })
  afterAll(() => bed.shutDown())

  const get = (path: string) => bed.ask('admin', 'GET', `/api/v1/${path}`)

  /** All pages of a list, followed by their cursors. */
  async function walk(list: string, limit: number): Promise<object[][]> {
    const pages: object[][] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await get(`${list}?limit=${limit}${cursor && `&cursor=${cursor}`}`)
      expect([list, page.statusCode]).toEqual([list, 200])
      const { items, next }: { items: object[]; next: string | null } = page.json()
      pages.push(items)
      cursor = next
    }
    return pages
  }

  it.each(lists.filter(list => list !== 'conflicts'))(
    '%s are the same in one page and in many',
    async list => {
      const whole = (await walk(list, 1_000)).flat()
      const pages = await walk(list, 2)
      expect(whole.length).toBeGreaterThan(2)
      expect(pages.flat()).toEqual(whole)
      expect(pages.slice(0, -1).every(page => page.length === 2)).toBe(true)
      expect(pages.at(-1)?.length).toBeGreaterThan(0)
    },
  )

  it.each(lists)('%s refuse a cursor that they have not given', async list => {
    for (const cursor of [
      'nonsense',
      '!!',
      Buffer.from('abc').toString('base64url'),
      Buffer.from('\0').toString('base64url'),
    ]) {
      const answer = await get(`${list}?cursor=${encodeURIComponent(cursor)}`)
      // Lists by name go on after any name.
      if (answer.statusCode === 200) expect(['services', 'connections', 'servers', 'pools']).toContain(list)
      else expect([list, answer.statusCode, answer.json().errors[0].pointer]).toEqual([list, 422, '/cursor'])
    }
  })

  it.each(lists)('%s have at most a thousand items a page', async list => {
    for (const limit of ['0', '-1', '1001', 'many', '1.5']) {
      const answer = await get(`${list}?limit=${limit}`)
      expect([list, limit, answer.statusCode, answer.json().errors[0].pointer]).toEqual([
        list,
        limit,
        422,
        '/limit',
      ])
    }
  })

  it('of messages go on after the last one that was read', async () => {
    const last = (await walk('outbox', 100)).flat().at(-1) as { cursor: string }
    const rest = () => get(`outbox?cursor=${last.cursor}`)
    expect((await rest()).json()).toEqual({ items: [], next: null })
    await bed.ask('billing', 'POST', '/api/v1/events?wait', { body: events.created({ id: 'newest' }) })
    await until('the message is there', async () => (await rest()).json().items.length === 1)
    expect((await rest()).json().items).toMatchObject([{ type: 'address.assigned', service: 'newest' }])
  })

  it('filter by what their items say', async () => {
    const count = async (path: string) => (await get(path)).json().items.length
    expect(await count('operations?kind=reconcile&state=done')).toBe(3)
    expect(await count('operations?service=s1')).toBe(1)
    expect(await count('operations?error=pool_exhausted')).toBe(0)
    expect(await count('services?client=client-1&server=node1&kind=vps&state=active')).toBe(6)
    expect(await count('services?domain=s2.example.net')).toBe(1)
    expect(
      await count('addresses?service=s3&family=ipv4&connection=builtin&server=node1&client=client-1'),
    ).toBe(1)
    expect(await count('addresses?family=ipv6')).toBe(0)
    expect(await count('addresses?state=released')).toBe(0)
    expect(await count('reconciliations?connection=more-1')).toBe(0)
    expect(await count('outbox?service=s4&type=address.assigned')).toBe(1)
    expect(await count('audit?subject=pool:more-2&actor=test')).toBe(1)
    expect(await count('conflicts?open=true')).toBe(0)
  })

  it('refuse filters that make no sense', async () => {
    for (const query of [
      'operations?state=lost',
      'operations?kind=other',
      'addresses?family=ipv5',
      'conflicts?open=perhaps',
    ]) {
      expect([query, (await get(query)).statusCode]).toEqual([query, 422])
    }
  })

  it('hide from a billing core the operations that did not come of events', async () => {
    const own = (await bed.ask('billing', 'GET', '/api/v1/operations?limit=1000')).json().items
    expect(own.map((operation: { kind: string }) => operation.kind)).toEqual(Array(6).fill('allocate'))
    const [other] = (await get('operations?kind=reconcile')).json().items
    expect((await bed.ask('billing', 'GET', `/api/v1/operations/${other.id}`)).statusCode).toBe(404)
    expect((await bed.ask('billing', 'GET', `/api/v1/operations/${own[0].id}`)).statusCode).toBe(200)
  })
})
