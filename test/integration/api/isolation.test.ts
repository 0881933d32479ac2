import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AddressView } from '../../../src/desk/addresses.ts'
import { furnish, startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'

describe.skipIf(queueMissing)('a client', () => {
  let bed: TestApi
  let mine: string
  let theirs: string
  const nobodys = '192.0.2.250'

  beforeAll(async () => {
    bed = await startTestApi()
    await furnish(bed.app)
    const answer = await bed.ask('billing', 'POST', '/api/v1/events?wait', {
      body: [events.created({ id: 'mine' }), events.created({ id: 'theirs', client: 'client-2' })],
    })
    const [own, other] = answer.json().events
    mine = own.addresses[0].address
    theirs = other.addresses[0].address
  })
  afterAll(() => bed.shutDown())

  const get = (path: string) => bed.ask('client', 'GET', `/api/v1${path}`)
  const patch = (address: string, body: object, query = '') =>
    bed.ask('client', 'PATCH', `/api/v1/addresses/${address}${query}`, { body })

  /** What an answer says, without what differs between any two answers. */
  const gist = (answer: { statusCode: number; body: string }, name: string) => {
    const { instance: _, ...problem } = JSON.parse(answer.body)
    return { status: answer.statusCode, problem: JSON.stringify(problem).replaceAll(name, '…') }
  }

  it('sees its own services and addresses', async () => {
    expect((await get('/services')).json().items.map((service: { id: string }) => service.id)).toEqual([
      'mine',
    ])
    expect((await get('/services/mine')).json()).toMatchObject({ id: 'mine', client: 'client-1' })
    expect((await get('/addresses')).json().items.map((row: AddressView) => row.address)).toEqual([mine])
    expect((await get(`/addresses/${mine}`)).json()).toMatchObject({
      address: mine,
      history: [{ service: 'mine' }],
    })
  })

  it('finds nothing of others, whatever it filters by', async () => {
    for (const query of [
      'client=client-2',
      'service=theirs',
      'server=node1&client=client-2',
      'connection=builtin&service=theirs',
    ]) {
      expect((await get(`/addresses?${query}`)).json()).toEqual({ items: [], next: null })
    }
    for (const query of ['client=client-2', 'domain=theirs.example.net']) {
      const found = (await get(`/services?${query}`)).json().items
      expect(found.filter((service: { id: string }) => service.id !== 'mine')).toEqual([])
    }
  })

  it('cannot tell what is not its own from what does not exist', async () => {
    const [service, noService] = [await get('/services/theirs'), await get('/services/nothing')]
    expect(service.statusCode).toBe(404)
    expect(gist(service, 'theirs')).toEqual(gist(noService, 'nothing'))

    const [address, noAddress] = [await get(`/addresses/${theirs}`), await get(`/addresses/${nobodys}`)]
    expect(address.statusCode).toBe(404)
    expect(gist(address, theirs)).toEqual(gist(noAddress, nobodys))

    const body = { ptr: 'stolen.example.net' }
    const [change, noChange] = [await patch(theirs, body), await patch(nobodys, body)]
    expect(change.statusCode).toBe(404)
    expect(gist(change, theirs)).toEqual(gist(noChange, nobodys))
    expect((await bed.ask('viewer', 'GET', `/api/v1/addresses/${theirs}`)).json().ptr).toBe(
      'theirs.example.net',
    )
  })

  it('does not see who had its address before', async () => {
    const answer = await bed.ask('billing', 'POST', '/api/v1/events?wait', {
      body: [
        events.created(
          { id: 'former', client: 'client-2' },
          { addresses: [{ family: 'ipv4', requested: '192.0.2.77' }] },
        ),
      ],
    })
    expect(answer.json().events[0].state).toBe('done')
    await bed.app.desk.pools.change({ name: 'test', role: 'admin' }, 'v4', { quarantineSeconds: 0 })
    await bed.ask('billing', 'POST', '/api/v1/events?wait', { body: events.deleted('former') })
    await bed.ask('billing', 'POST', '/api/v1/events?wait', {
      body: events.ordered('mine', 'o1', { requested: '192.0.2.77' }),
    })
    const asAdmin = (await bed.ask('admin', 'GET', '/api/v1/addresses/192.0.2.77')).json()
    expect(asAdmin.history.map((row: AddressView) => row.service)).toEqual(['mine', 'former'])
    const asClient = (await get('/addresses/192.0.2.77')).json()
    expect(asClient.history.map((row: AddressView) => row.service)).toEqual(['mine'])
    expect(asClient.conflicts).toEqual([])
  })

  it('changes and removes the PTR of its address', async () => {
    const changed = await patch(mine, { ptr: 'Mail.Example.ORG', reason: 'moved' }, '?wait')
    expect(changed.statusCode).toBe(200)
    expect(changed.json()).toMatchObject({
      kind: 'ptr',
      state: 'done',
      service: 'mine',
      address: mine,
      steps: [],
    })
    expect((await get(`/addresses/${mine}`)).json().ptr).toBe('mail.example.org')
    expect((await patch(mine, { ptr: null })).statusCode).toBe(202)
    const audit = (await bed.ask('admin', 'GET', `/api/v1/audit?subject=address:${mine}`)).json().items
    expect(audit.at(-1)).toMatchObject({
      actor: 'client of the tests',
      role: 'client',
      action: 'address.ptr',
      reason: 'moved',
      change: { from: 'mine.example.net', to: 'mail.example.org' },
      remote: '127.0.0.1',
    })
  })

  it('is told what is wrong with a name or an address', async () => {
    const name = await patch(mine, { ptr: 'not a name' })
    expect([name.statusCode, name.json().errors[0].pointer]).toEqual([422, '/ptr'])
    const address = await get('/addresses/192.0.2.1%2F24')
    expect([address.statusCode, address.json().errors[0].pointer]).toEqual([422, '/address'])
  })
})
