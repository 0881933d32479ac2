import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { billmanager } from '../../src/billing/billmanager/driver.ts'
import type { BillingCore, Unusable } from '../../src/billing/core.ts'
import type { OpenSubscriber } from '../../src/db/deliveries.ts'
import { outgoingEvent } from '../../src/domain/delivery.ts'
import { type Billmanager, startBillmanager } from '../../src/simulators/billmanager/start.ts'

const { signal } = new AbortController()

describe.each([
  { format: 'json', oneRow: 'object', signIn: 'authinfo' },
  { format: 'sjson', oneRow: 'array', signIn: 'session' },
  { format: 'xml', oneRow: 'object', signIn: 'authinfo' },
] as const)('BILLmanager, told in $format with $signIn', ({ format, oneRow, signIn }) => {
  let panel: Billmanager
  let core: BillingCore

  beforeEach(async () => {
    panel = await startBillmanager({ behaviour: { oneRow } })
    core = connect({ format, signIn })
  })
  afterEach(() => panel.stop())

  function connect(options: Record<string, unknown> = {}, given: Partial<OpenSubscriber> = {}): BillingCore {
    return billmanager({
      ...{ id: '1', name: 'main', kind: 'billmanager', url: panel.url, allowPrivate: true, tls: {} },
      ...{ login: 'ipbridge', secrets: ['ipbridge-password'], updatedAt: new Date(), options },
      ...given,
    })
  }
  const tell = (type: string, data: object, to = core) =>
    to.tell(outgoingEvent({ uid: 'u', type, service: null, data, at: new Date() }), signal)
  const assigned = (service: string, address: string, more: object = {}) =>
    tell('address.assigned', { service, slot: 'main', address, ptr: 'a.example.net', ...more })
  const order = (...types: string[]) =>
    panel.billing.order({
      domain: 'a.example.net',
      slots: [{ main: true }, ...types.map(type => ({ type }))],
    })
  const slots = (id: string) =>
    panel.billing.slots(id).map(({ name, domain, state }) => `${name || '-'} ${domain || '-'} ${state}`)

  it('has an address stored and made active in the row of its slot, with its network', async () => {
    const id = order('Public IPv4', 'Public IPv6')
    const [, extra, six] = panel.billing.slots(id)
    const network = { prefix: 26, gateway: '192.0.2.1' }
    await assigned(id, '192.0.2.7', { network })
    await assigned(id, '2001:db8::7', { slot: `order:${six?.id}/1`, ptr: null })
    expect(slots(id)).toEqual(['192.0.2.7 a.example.net active', '- - ordered', '2001:db8::7 - active'])
    expect(panel.billing.slots(id)[0]).toMatchObject({ mask: '255.255.255.192', gateway: '192.0.2.1' })
    await assigned(id, '192.0.2.8', { slot: `order:${extra?.id}/1` })
    expect(slots(id)[1]).toBe('192.0.2.8 a.example.net active')
  })

  it('is told the same twice, and changes nothing', async () => {
    const id = order('Public IPv4')
    for (let n = 0; n < 2; n++) await assigned(id, '192.0.2.7')
    expect(slots(id)).toEqual(['192.0.2.7 a.example.net active', '- - ordered'])
    expect(panel.panel.traffic()['service.ip.add']?.count).toBe(1)
  })

  it('has another address in the place of the one that its slot had', async () => {
    const id = order('Public IPv4')
    await assigned(id, '192.0.2.7')
    await assigned(id, '192.0.2.9')
    expect(
      await tell('address.released', { service: id, slot: 'main', address: '192.0.2.7' }),
    ).toBeUndefined()
    expect(slots(id)).toEqual(['192.0.2.9 a.example.net active', '- - ordered'])
  })

  it('has an address of which nobody knows the row in one that waits', async () => {
    const id = order('Public IPv4')
    await assigned(id, '192.0.2.7')
    await assigned(id, '192.0.2.8', { slot: 'order:elsewhere-9/1' })
    expect(slots(id)[1]).toBe('192.0.2.8 a.example.net active')
    await expect(assigned(id, '192.0.2.9', { slot: 'order:elsewhere-9/2' })).rejects.toMatchObject({
      code: 'panel_unavailable',
      message: expect.stringContaining(`service ${id} has no place for 192.0.2.9 (order:elsewhere-9/2)`),
    })
  })

  it('has an address dropped, once', async () => {
    const id = order('Public IPv4')
    await assigned(id, '192.0.2.7')
    const gone = { service: id, slot: 'main', address: '192.0.2.7' }
    for (let n = 0; n < 2; n++) await tell('address.released', gone)
    expect(slots(id)).toEqual(['- - ordered'])
    expect(panel.panel.traffic()['service.ip.del']?.count).toBe(1)
  })

  it('has a PTR changed and removed, and nothing written where it is so already', async () => {
    const id = order()
    await assigned(id, '192.0.2.7')
    for (const ptr of ['www.example.com', 'www.example.com', null]) {
      await tell('ptr.updated', { service: id, address: '192.0.2.7', ptr })
    }
    expect(slots(id)).toEqual(['192.0.2.7 - active'])
    expect(panel.panel.traffic()['service.ip.edit']?.count).toBe(2)
  })

  it('finishes what an earlier try left between storing and making active', async () => {
    const id = order()
    panel.faults.add({ what: 'drop', func: 'service.ip.add.commit', times: 1 })
    await expect(assigned(id, '192.0.2.7')).rejects.toMatchObject({ retry: 'later' })
    expect(slots(id)).toEqual(['192.0.2.7 a.example.net stored'])
    await assigned(id, '192.0.2.7')
    expect(slots(id)).toEqual(['192.0.2.7 a.example.net active'])
  })

  it.each([{ what: 'drop', afterEffect: true }, { what: 'status', status: 503 }, { what: 'no-ok' }] as const)(
    'is told again after $what, and it is as if it had been told once',
    async fault => {
      const id = order('Public IPv4')
      panel.faults.add({ ...fault, func: 'service.ip.add', times: 1 })
      await expect(assigned(id, '192.0.2.7')).rejects.toMatchObject({ retry: 'later' })
      await assigned(id, '192.0.2.7')
      expect(slots(id)).toEqual(['192.0.2.7 a.example.net active', '- - ordered'])
    },
  )

  it('notices a success that is none', async () => {
    const id = order()
    // An answer as it should be, although nothing was done.
    panel.faults.add({ what: 'empty-list', func: 'service.ip', skip: 1, times: 1 })
    await expect(assigned(id, '192.0.2.7')).rejects.toMatchObject({
      message: expect.stringContaining(`said that it is done, but service ${id} does not show 192.0.2.7`),
    })
  })

  it('is not asked to do anything for services that are gone, or are none of its own', async () => {
    const to = connect({ prefix: 'bill-' })
    expect(await tell('address.assigned', { service: 'bill-4711', address: '192.0.2.7' }, to)).toBe(
      'service 4711 is not there any more',
    )
    expect(await tell('address.assigned', { service: '4711', address: '192.0.2.7' }, to)).toBe(
      "the service is none of BILLmanager's",
    )
  })

  it('has failures in its register of problems; one that it does not take holds up nothing', async () => {
    const data = { operation: 'o1', service: '1001', code: 'pool_exhausted', message: 'no address is free' }
    await tell('operation.failed', data)
    await tell('pool.low', { pool: 'v4', free: '3', lowWater: 10 })
    expect(panel.billing.problems()).toMatchObject([
      {
        name: 'ipmgr_connect',
        id: '1',
        param_pm_id: '1001',
        param_errormsg: 'operation o1 failed: pool_exhausted: no address is free',
      },
      { param_errormsg: 'pool v4 is low: 3 addresses are free' },
    ])
    panel.faults.add({ what: 'error', func: 'problems.register', error: { type: 'missed', object: 'name' } })
    expect(await tell('operation.failed', data)).toMatch(/^not registered: /)
  })

  it('lists live services with their addresses, PTRs and orders, whatever the size of a page', async () => {
    panel.panel.behave({ largestPage: 2 })
    const base = { domain: 'a.example.net' }
    const ids = panel.billing.fill([
      {
        ...base,
        slots: [{ name: '192.0.2.1', main: true, domain: 'a.example.net.' }, { name: '192.0.2.2' }, {}],
      },
      { ...base, type: 'dedic', slots: [{ name: '2001:DB8::0:1', type: 'Public IPv6', main: true }] },
      { ...base, slots: [{ name: '10.0.0.1', type: 'Private IPv4' }] },
      { ...base, module: { id: '9', name: 'Elsewhere' } },
      { ...base, domain: 'not_a_name' },
      { ...base, slots: [{ name: '192.0.2.5', main: true, domain: 'bad..name' }] },
    ])
    const extra = panel.billing.slots(ids[0] ?? '')[1]?.id
    const bad: Unusable[] = []
    const found = []
    const to = connect({ format, servers: { 1: 'node1', Elsewhere: null } })
    for await (const service of to.services(one => bad.push(one), signal)) found.push(service)
    expect(found.map(({ id, kind, addresses }) => ({ id, kind, addresses }))).toEqual([
      {
        id: ids[0],
        kind: 'vps',
        addresses: [
          { where: `vds ${ids[0]}`, address: '192.0.2.1', ptr: 'a.example.net' },
          { where: `vds ${ids[0]}`, address: '192.0.2.2', order: extra },
        ],
      },
      { id: ids[2], kind: 'vps', addresses: [] },
      { id: ids[5], kind: 'vps', addresses: [{ where: `vds ${ids[5]}`, address: '192.0.2.5' }] },
      { id: ids[1], kind: 'dedicated', addresses: [{ where: `dedic ${ids[1]}`, address: '2001:db8::1' }] },
    ])
    expect(found[0]).toMatchObject({ client: '77', domain: 'a.example.net', server: 'node1' })
    expect(bad).toEqual([
      { where: `vds ${ids[4]}`, service: ids[4], message: expect.stringMatching(/^domain /) },
      {
        where: `vds ${ids[5]}`,
        service: ids[5],
        message: expect.stringMatching(/^the PTR of 192\.0\.2\.5 is left out: /),
      },
    ])
    expect(await to.count(signal)).toBe(6)
  })

  it('is not read where its list is not whole', async () => {
    panel.billing.fill([{ domain: 'a.example.net' }, { domain: 'b.example.net' }])
    panel.faults.add({ what: 'half-list', func: 'vds' })
    const read = async () => {
      for await (const _ of core.services(() => undefined, signal));
    }
    await expect(read()).rejects.toMatchObject({ message: expect.stringContaining('is not whole') })
  })

  it('says what works and what does not', async () => {
    panel.billing.fill([{ domain: 'a.example.net' }])
    expect(await core.check(signal)).toEqual({
      ok: true,
      version: '6.120.0',
      remarks: ['ipbridge sees 1 service'],
    })
    const stranger = connect({}, { secrets: ['wrong'] })
    expect(await stranger.check(signal)).toMatchObject({
      ok: false,
      remarks: [expect.stringContaining('does not accept the login ipbridge')],
    })
  })

  it('says of each list that cannot be read why, and goes on with the others', async () => {
    panel.billing.fill([{ domain: 'a.example.net' }])
    for (const func of ['dedic', 'vhost']) panel.faults.add({ what: 'status', func, status: 503 })
    expect(await core.check(signal)).toEqual({
      ok: false,
      version: '6.120.0',
      remarks: [
        expect.stringMatching(/^dedic: .*503/),
        expect.stringMatching(/^vhost: .*503/),
        'ipbridge sees 1 service in the other lists',
      ],
    })
  })

  it('refuses settings that cannot be right, by name', () => {
    expect(() => connect({ wire: { adds: 'x' } }, { url: 'https://bill.example.net/' })).toThrow(
      /billing main: url must end in \/billmgr; options\.wire\.adds is not a known field/,
    )
  })
})
