import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryPanel } from '../../src/panels/memory.ts'
import { admin, startTestApi, type TestApi } from '../helpers/api.ts'
import { queueMissing } from '../helpers/app.ts'
import { command } from '../helpers/cli.ts'
import { events } from '../helpers/events.ts'

describe.skipIf(queueMissing)('An address on a server without a panel', () => {
  let bed: TestApi

  beforeAll(async () => {
    bed = await startTestApi({ panelDrivers: { memory: () => memoryPanel() } })
    const { desk } = bed.app
    await desk.pools.add(admin, { name: 'v4', cidr: '192.0.2.0/24', connection: 'builtin' })
    for (const name of ['rack1', 'rack2'])
      await desk.servers.add(admin, { name, panel: 'none', connection: 'builtin' })
    await desk.servers.add(admin, { name: 'vm1', panel: 'memory', connection: 'builtin' })
  })
  afterAll(() => bed.shutDown())

  /** Sends events, waits for what comes of them, and gives the service's addresses. */
  async function send(id: string, ...inputs: object[]) {
    const receipts = await bed.app.intake.accept(inputs, 'http')
    await bed.app.desk.operations.settled(
      receipts.flatMap(({ operations }) => operations),
      10_000,
    )
    return (await bed.app.desk.services.show(admin, id)).addresses
  }
  async function create(id: string, server: string) {
    const [view] = await send(id, events.created({ id, server }))
    return view?.address ?? ''
  }
  const list = async (query: string) =>
    (await bed.ask('viewer', 'GET', `/api/v1/addresses?${query}`))
      .json()
      .items.map((item: { service: string }) => item.service)
  const confirm = (
    address: string,
    who: 'operator' | 'viewer' | 'billing' = 'operator',
    reason = 'cable and all',
  ) => bed.ask(who, 'POST', `/api/v1/addresses/${address}/confirm`, { body: { reason } })
  const told = (id: string) =>
    bed.app.db.outbox.findMany({ where: { serviceId: id }, orderBy: { id: 'asc' } })

  it('is handed to billing, and waits until an operator says that it is configured', async () => {
    const address = await create('d1', 'rack1')
    expect((await told('d1')).map(({ type, data }) => [type, data])).toEqual([
      ['address.assigned', expect.objectContaining({ address, applied: 'by hand' })],
    ])
    expect(await list('confirmation=pending')).toContain('d1')
    const answer = await confirm(address)
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({ address, service: 'd1', confirmation: 'confirmed' })
    expect(await list('confirmation=pending')).not.toContain('d1')
    expect(await list('confirmation=confirmed')).toContain('d1')
  })

  it('is told to billing again when it is confirmed, with who, when and why in the audit', async () => {
    const address = await create('d2', 'rack1')
    await confirm(address)
    expect((await told('d2')).map(({ data }) => (data as { applied: string }).applied)).toEqual([
      'by hand',
      'now',
    ])
    const { items } = await bed.app.desk.journals.audit({ subject: `address:${address}` })
    expect(items).toMatchObject([
      {
        actor: 'operator of the tests',
        action: 'address.confirm',
        reason: 'cable and all',
        change: { service: 'd2', server: 'rack1' },
      },
    ])
  })

  it('is confirmed once', async () => {
    const address = await create('d3', 'rack1')
    const answers = await Promise.all([confirm(address), confirm(address)])
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 409])
    expect(await told('d3')).toHaveLength(2)
    expect((await confirm(address)).json()).toMatchObject({
      code: 'wrong_state',
      detail: expect.stringContaining('confirmed already'),
    })
  })

  it('stays confirmed when billing tells of its service again, and waits anew at another server', async () => {
    const address = await create('d4', 'rack1')
    await confirm(address)
    const [same] = await send('d4', events.created({ id: 'd4', server: 'rack1' }))
    expect(same).toMatchObject({ address, confirmation: 'confirmed' })
    const [moved] = await send('d4', events.created({ id: 'd4', server: 'rack2' }))
    expect(moved).toMatchObject({ address, server: 'rack2', confirmation: 'pending' })
  })

  it('is nobody’s to confirm but an operator’s', async () => {
    const address = await create('d5', 'rack1')
    for (const who of ['viewer', 'billing'] as const)
      expect((await confirm(address, who)).statusCode).toBe(403)
    expect(await list('confirmation=pending')).toContain('d5')
  })

  it('waits for nobody where a panel configures it, or where it was in use before', async () => {
    const address = await create('d6', 'vm1')
    await bed.app.desk.services.add(admin, {
      id: 'd7',
      kind: 'dedicated',
      client: 'c-1',
      domain: 'd7.example.net',
      server: 'rack1',
      addresses: ['198.51.100.7'],
    })
    for (const each of [address, '198.51.100.7']) {
      expect((await confirm(each)).json()).toMatchObject({
        code: 'wrong_state',
        detail: expect.stringContaining('nobody has to'),
      })
    }
    expect((await confirm('203.0.113.9')).json()).toMatchObject({ code: 'not_found' })
  })

  it('no longer waits once it is released', async () => {
    const address = await create('d8', 'rack1')
    await send('d8', events.deleted('d8'))
    expect(await list('confirmation=pending')).not.toContain('d8')
    expect((await confirm(address)).json()).toMatchObject({ code: 'address_not_assigned' })
  })

  it('is listed and confirmed on the command line too', async () => {
    const address = await create('d9', 'rack1')
    const run = (...args: string[]) => command(['address', ...args], bed.app.env)
    expect((await run('list', '--confirmation', 'pending')).out).toMatch(new RegExp(`${address}.*pending`))
    expect(await run('confirm', address, '--reason', 'done')).toMatchObject({
      code: 0,
      out: `${address} is confirmed\n`,
    })
    expect((await run('show', address, '--json')).out).toContain('"confirmation": "confirmed"')
    const again = await run('confirm', address)
    expect(again.code).toBe(1)
    expect(again.err).toContain('confirmed already')
  })
})
