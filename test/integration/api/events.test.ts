import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, furnish, startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('POST /events', () => {
  let bed: TestApi

  beforeAll(async () => {
    bed = await startTestApi()
    await furnish(bed.app)
  })
  afterAll(() => bed.shutDown())

  const post = (body: unknown, query = '', headers?: Record<string, string>) =>
    bed.ask('billing', 'POST', `/api/v1/events${query}`, { body, ...(headers ? { headers } : {}) })
  const inbox = async (source: string) =>
    (await bed.ask('viewer', 'GET', `/api/v1/events?source=${encodeURIComponent(source)}`)).json().items

  it('takes in one event and says by which operations it is done', async () => {
    const event = events.created({ id: 'single' })
    const answer = await post(event)
    expect(answer.statusCode).toBe(202)
    expect(answer.json()).toEqual({
      accepted: 1,
      duplicates: 0,
      events: [
        {
          source: event.source,
          id: event.id,
          status: 'accepted',
          operations: [expect.stringMatching(/^[0-9a-f-]{36}$/)],
        },
      ],
    })
  })

  it('takes in a list, and tells what was new from what was not', async () => {
    const [first, second, third] = ['b1', 'b2', 'b3'].map(id => events.created({ id }))
    await post(first)
    const answer = await post([first, second, third])
    expect(answer.statusCode).toBe(202)
    expect(answer.json()).toMatchObject({
      accepted: 2,
      duplicates: 1,
      events: [{ status: 'duplicate' }, { status: 'accepted' }, { status: 'accepted' }],
    })
  })

  it('counts an event that came too late to matter among the accepted', async () => {
    await post(events.deleted('late', { at: 20 }))
    const answer = await post(events.created({ id: 'late' }, { at: 10 }))
    expect(answer.json()).toMatchObject({ accepted: 1, duplicates: 0, events: [{ status: 'superseded' }] })
  })

  it.each([
    'application/cloudevents+json',
    'application/cloudevents-batch+json',
    'application/json; charset=utf-8',
  ])('takes %s', async type => {
    const event = events.created({ id: `typed-${type.length}` })
    const body = type.includes('batch') ? [event] : event
    const answer = await post(JSON.stringify(body), '', { 'content-type': type })
    expect([answer.statusCode, answer.json().accepted]).toEqual([202, 1])
  })

  it.each(['?wait=20', '?wait', '?wait='])('waits with %s, and answers with the addresses', async query => {
    const id = `waited-${query.length}`
    const answer = await post(events.created({ id }), query)
    expect(answer.statusCode).toBe(200)
    expect(answer.json().events[0]).toMatchObject({
      state: 'done',
      errors: [],
      addresses: [{ family: 'ipv4', service: id, slot: 'main', state: 'active', ptr: `${id}.example.net` }],
    })
  })

  it('answers a duplicate with the operations and the addresses of the first time', async () => {
    const event = events.created({ id: 'twice' })
    const first = (await post(event, '?wait')).json().events[0]
    const second = (await post(event, '?wait')).json().events[0]
    expect(second).toEqual({ ...first, status: 'duplicate' })
  })

  it('says why an event is parked, and goes on when there is space', async () => {
    await bed.app.desk.servers.add(admin, {
      name: 'full',
      panel: 'none',
      connection: 'builtin',
      options: { pools: ['tiny'] },
    })
    await bed.app.desk.pools.add(admin, { name: 'tiny', cidr: '198.51.100.0/31', connection: 'builtin' })
    const server = 'full'
    await post([events.created({ id: 'p1', server }), events.created({ id: 'p2', server })], '?wait')
    const answer = await post(events.created({ id: 'p3', server }), '?wait')
    expect(answer.statusCode).toBe(200)
    const [operation] = answer.json().events[0].operations
    expect(answer.json().events[0]).toMatchObject({
      state: 'parked',
      addresses: [],
      errors: [{ operation, code: 'pool_exhausted', message: expect.stringContaining('tiny') }],
    })
    await post(events.deleted('p1'), '?wait')
    await bed.app.desk.pools.change(admin, 'tiny', { quarantineSeconds: 0 })
    await post(events.deleted('p2'), '?wait')
    await until('the parked one has its address', async () => {
      const service = (await bed.ask('viewer', 'GET', '/api/v1/services/p3')).json()
      return service.addresses[0]?.state === 'active'
    })
  })

  it('says why an event failed', async () => {
    const answer = await post(
      events.created({ id: 'elsewhere' }, { addresses: [{ family: 'ipv4', requested: '203.0.113.7' }] }),
      '?wait',
    )
    expect(answer.statusCode).toBe(200)
    expect(answer.json().events[0]).toMatchObject({
      state: 'failed',
      errors: [{ code: 'address_outside_pools' }],
    })
  })

  it('answers 202 with how things stand when the time runs out', async () => {
    const answer = await post(events.ordered('nobody-knows', 'o1'), '?wait=1')
    expect(answer.statusCode).toBe(202)
    expect(answer.json().events[0]).toMatchObject({ state: 'waiting', addresses: [], errors: [] })
  })

  it.each(['0', '61', '-1', '1.5', 'long'])('refuses to wait %s seconds', async seconds => {
    const answer = await post(events.created({ id: 'never' }), `?wait=${seconds}`)
    expect([answer.statusCode, answer.json().errors[0].pointer]).toEqual([422, '/wait'])
  })

  it('points at what is wrong with an event, and stores nothing', async () => {
    const source = '/billing/bad'
    const good = events.created({ id: 'good' }, { source })
    const bad = events.created({ id: 'bad', domain: 'not a domain' }, { source })
    const worse = {
      ...events.ordered('good', 'o1', { source }),
      data: { service: 'good', order: 'o1', family: 'ipv5' },
    }
    const answer = await post([good, bad, worse])
    expect(answer.statusCode).toBe(422)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.json()).toMatchObject({
      code: 'invalid_event',
      type: '/docs/errors#invalid_event',
      status: 422,
    })
    expect(answer.json().errors.map((fault: { pointer: string }) => fault.pointer)).toEqual([
      '/1/data/service/domain',
      '/2/data/family',
    ])
    expect(await inbox(source)).toEqual([])
    expect((await bed.ask('viewer', 'GET', '/api/v1/services/good')).statusCode).toBe(404)
  })

  it('names the server that it does not know', async () => {
    const answer = await post(events.created({ id: 's', server: 'nowhere' }))
    expect([answer.statusCode, answer.json().errors]).toEqual([
      422,
      [{ pointer: '/data/service/server', message: expect.stringContaining('nowhere') }],
    ])
  })

  it('refuses an id that comes back with another body', async () => {
    const event = events.created({ id: 'same-id' })
    await post(event)
    const other = { ...event, data: { service: { ...event.data.service, domain: 'other.example.net' } } }
    const answer = await post(other)
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'event_conflict'])
  })

  it.each([
    ['no event at all', []],
    ['more than a thousand', Array.from({ length: 1_001 }, () => ({}))],
  ])('refuses a list of %s', async (_, body) => {
    const answer = await post(body)
    expect([answer.statusCode, answer.json().code]).toEqual([422, 'invalid_request'])
  })

  it('takes a thousand events at once', async () => {
    const source = '/billing/many'
    const many = Array.from({ length: 1_000 }, (_, n) => events.deleted(`gone-${n}`, { source }))
    const answer = await post(many)
    expect([answer.statusCode, answer.json().accepted]).toEqual([202, 1_000])
  })

  it.each([[null], ['text'], [17], [true]])('refuses %j, which is no event', async body => {
    const answer = await post(JSON.stringify(body), '', { 'content-type': 'application/json' })
    expect([answer.statusCode, answer.json().code]).toEqual([422, 'invalid_event'])
  })

  it('lists the inbox by source, type, id and status', async () => {
    const source = '/billing/listed'
    const [created, deleted] = [events.created({ id: 'l1' }, { source }), events.deleted('l1', { source })]
    await post([created, deleted], '?wait')
    expect((await inbox(source)).map((event: { type: string }) => event.type)).toEqual([
      'service.deleted',
      'service.created',
    ])
    const found = await bed.ask(
      'billing',
      'GET',
      `/api/v1/events?id=${created.id}&type=service.created&status=accepted`,
    )
    expect(found.json().items).toMatchObject([{ source, id: created.id, data: created.data, via: 'http' }])
  })
})
