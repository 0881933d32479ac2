import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryIpam } from '../../src/ipam/memory.ts'
import type { PanelDriver } from '../../src/panels/driver.ts'
import { memoryPanel } from '../../src/panels/memory.ts'
import { admin } from '../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'
import { events } from '../helpers/events.ts'
import { until } from '../helpers/until.ts'

describe.skipIf(queueMissing)('A service that moves to another server', () => {
  const ipams = new Map<string, ReturnType<typeof memoryIpam>>()
  const panels = new Map<string, ReturnType<typeof memoryPanel>>()
  /** Servers whose panel refuses to configure anything. */
  const broken = new Set<string>()
  let app: TestApp

  function panelOf(server: string): PanelDriver {
    const known = panels.get(server) ?? memoryPanel()
    panels.set(server, known)
    return {
      ...known,
      async configure(service, address, signal) {
        if (broken.has(server)) throw new Error('out of order')
        return known.configure(service, address, signal)
      },
    }
  }

  beforeAll(async () => {
    app = await startTestApp({
      ipamDrivers: {
        memory: ({ name }) => {
          const known =
            ipams.get(name) ?? memoryIpam({ pools: { v4: name === 'east' ? '10.1.0.0/24' : '10.2.0.0/24' } })
          ipams.set(name, known)
          return known
        },
      },
      panelDrivers: { memory: ({ name }) => panelOf(name) },
    })
    for (const name of ['east', 'west']) await app.desk.connections.add(admin, { name, driver: 'memory' })
    for (const [name, connection] of [
      ['e1', 'east'],
      ['e2', 'east'],
      ['w1', 'west'],
      ['w2', 'west'],
    ] as const) {
      await app.desk.servers.add(admin, { name, panel: 'memory', connection })
    }
  })
  afterAll(() => app.shutDown())

  const create = (id: string, server: string, more: object = {}) =>
    app.intake.accept([events.created({ id, server, ...more })], 'api')
  const live = async (id: string) => (await app.desk.services.show(admin, id)).addresses
  const addressOf = (id: string, prefix: string) =>
    until(
      `${id} has an address of ${prefix}`,
      async () =>
        (await live(id)).find(({ state, address }) => state === 'active' && address?.startsWith(prefix))
          ?.address,
    )
  const settled = (id: string) =>
    until(`the work on ${id} is done`, async () => {
      const { operations } = await app.desk.services.show(admin, id)
      return operations.every(({ state }) => ['done', 'failed', 'superseded'].includes(state))
    })
  const has = (server: string, id: string) => [
    ...(panels.get(server)?.books.get(`guest-${id}`)?.addresses.keys() ?? []),
  ]

  it('takes its address along where the new server can use it, and leaves it nowhere else', async () => {
    await create('m1', 'e1')
    const address = await addressOf('m1', '10.1.')
    expect(has('e1', 'm1')).toEqual([address])
    await create('m1', 'e2')
    await until('the new server has it', () => has('e2', 'm1').includes(address))
    await settled('m1')
    expect(has('e1', 'm1')).toEqual([])
    expect((await live('m1')).map(a => [a.address, a.state, a.server])).toEqual([[address, 'active', 'e2']])
  })

  it('gets another address where it cannot, and gives the old one back once the new one works', async () => {
    await create('m2', 'e1')
    const old = await addressOf('m2', '10.1.')
    await create('m2', 'w1')
    const next = await addressOf('m2', '10.2.')
    await settled('m2')
    expect(has('w1', 'm2')).toEqual([next])
    expect(has('e1', 'm2')).toEqual([])
    expect(ipams.get('east')?.records.has(old)).toBe(false)
    expect((await live('m2')).map(a => a.address)).toEqual([next])
  })

  it('keeps the PTR that was chosen for it', async () => {
    await app.intake.accept(
      [
        events.created(
          { id: 'm3', server: 'e1' },
          { addresses: [{ family: 'ipv4', ptr: 'mail.example.org' }] },
        ),
      ],
      'api',
    )
    await addressOf('m3', '10.1.')
    await create('m3', 'w1')
    const next = await addressOf('m3', '10.2.')
    expect(ipams.get('west')?.records.get(next)?.ptr).toBe('mail.example.org')
  })

  it('moves the addresses that it ordered as well', async () => {
    await create('m4', 'e1')
    await app.intake.accept([events.ordered('m4', 'extra')], 'api')
    await until(
      'it has two',
      async () => (await live('m4')).filter(({ state }) => state === 'active').length === 2,
    )
    await create('m4', 'w1')
    await until('both are of the new server', async () => {
      const addresses = await live('m4')
      return (
        addresses.length === 2 && addresses.every(a => a.state === 'active' && a.address?.startsWith('10.2.'))
      )
    })
  })

  it('keeps its old address while the new server does not work', async () => {
    await create('m5', 'e1')
    const old = await addressOf('m5', '10.1.')
    broken.add('w2')
    await create('m5', 'w2')
    await until('the new server was tried', async () =>
      (await app.desk.operations.list({ service: 'm5' })).items.some(
        ({ kind, attempts, error }) => kind === 'allocate' && attempts > 0 && error !== null,
      ),
    )
    expect(has('e1', 'm5')).toEqual([old])
    expect(ipams.get('east')?.records.get(old)?.marker).toBeDefined()

    broken.delete('w2')
    const { items } = await app.desk.operations.list({ service: 'm5' })
    const failing = items.find(({ kind, error }) => kind === 'allocate' && error !== null)
    await app.desk.operations.retry(admin, failing?.id ?? '')
    await addressOf('m5', '10.2.')
    await until('the old address is back', () => ipams.get('east')?.records.has(old) === false)
  })

  it('keeps nothing when it is deleted on the way', async () => {
    await create('m6', 'e1')
    await addressOf('m6', '10.1.')
    broken.add('w2')
    await create('m6', 'w2')
    await app.intake.accept([events.deleted('m6')], 'api')
    broken.delete('w2')
    await until('it has no address', async () => (await live('m6')).length === 0, 60_000)
    expect([...(ipams.get('east')?.records.values() ?? [])].filter(r => r.owner?.startsWith('m6 '))).toEqual(
      [],
    )
    expect([...(ipams.get('west')?.records.values() ?? [])].filter(r => r.owner?.startsWith('m6 '))).toEqual(
      [],
    )
  })
})

describe.skipIf(queueMissing)('A service whose domain changes', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp()
    await app.desk.pools.add(admin, { name: 'v4', cidr: '10.3.0.0/24', connection: 'builtin' })
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
  })
  afterAll(() => app.shutDown())

  it('takes along the PTRs that were its domain, and leaves the others', async () => {
    const ptrs = async () =>
      (await app.desk.services.show(admin, 'd1')).addresses
        .filter(a => a.state === 'active')
        .map(a => [a.slot, a.ptr])
    await app.intake.accept([events.created({ id: 'd1', domain: 'old.example.net' })], 'api')
    await app.intake.accept([events.ordered('d1', 'mail', { ptr: 'mail.example.org' })], 'api')
    await app.intake.accept([events.ordered('d1', 'plain')], 'api')
    await until('it has three', async () => (await ptrs()).length === 3)
    await app.intake.accept([events.created({ id: 'd1', domain: 'new.example.net' })], 'api')
    await until('they are renamed', async () =>
      (await ptrs()).every(
        ([slot, ptr]) => ptr === (slot === 'order:mail/1' ? 'mail.example.org' : 'new.example.net'),
      ),
    )
  })
})
