import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/desk/actor.ts'
import { queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'
import { events } from '../helpers/events.ts'
import { until } from '../helpers/until.ts'

const admin: Actor = { name: 'test', role: 'admin' }

describe.skipIf(queueMissing)('the life of a service', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp()
    await app.desk.pools.add(admin, {
      name: 'v4',
      cidr: '192.0.2.0/24',
      gateway: '192.0.2.1',
      quarantineSeconds: 60,
      connection: 'builtin',
    })
    await app.desk.pools.add(admin, { name: 'v6', cidr: '2001:db8::/64', connection: 'builtin' })
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
  })
  afterAll(() => app.shutDown())

  const service = (id: string) => app.desk.services.show(admin, id)
  const send = async (...inputs: object[]) => {
    const receipts = await app.intake.accept(inputs, 'http')
    await app.desk.operations.settled(
      receipts.flatMap(receipt => receipt.operations),
      10_000,
    )
    return receipts
  }

  it('begins with an address whose PTR is the domain', async () => {
    await send(events.created({ id: 'vps-1' }))
    const { addresses } = await service('vps-1')
    expect(addresses).toMatchObject([
      { slot: 'main', family: 'ipv4', state: 'active', ptr: 'vps-1.example.net' },
    ])
  })

  it('goes on with extra addresses of both families', async () => {
    await send(
      events.ordered('vps-1', 'o1', { count: 2 }),
      events.ordered('vps-1', 'o2', { family: 'ipv6', ptr: 'six.example.net' }),
    )
    const { addresses } = await service('vps-1')
    expect(addresses.map(a => [a.slot, a.family, a.ptr])).toEqual([
      ['main', 'ipv4', 'vps-1.example.net'],
      ['order:o1/1', 'ipv4', 'vps-1.example.net'],
      ['order:o1/2', 'ipv4', 'vps-1.example.net'],
      ['order:o2/1', 'ipv6', 'six.example.net'],
    ])
  })

  it('lets a PTR be changed and removed', async () => {
    const address = (await service('vps-1')).addresses[0]?.address ?? ''
    await send(events.ptrChanged(address, 'mail.example.org', { service: 'vps-1' }))
    expect((await service('vps-1')).addresses[0]?.ptr).toBe('mail.example.org')
    await send(events.ptrChanged(address, null))
    expect((await service('vps-1')).addresses[0]?.ptr).toBeNull()
  })

  it('gives an order back', async () => {
    await send(events.cancelled('vps-1', { order: 'o1' }))
    expect((await service('vps-1')).addresses.map(a => a.slot)).toEqual(['main', 'order:o2/1'])
  })

  it('ends with all addresses released, and comes back with the one that it had', async () => {
    const before = (await service('vps-1')).addresses[0]?.address
    await send(events.deleted('vps-1'))
    expect(await service('vps-1')).toMatchObject({ state: 'deleted', addresses: [] })
    await send(events.created({ id: 'vps-1' }))
    await until('the service is back', async () => (await service('vps-1')).addresses.length === 1)
    expect((await service('vps-1')).addresses[0]?.address).toBe(before)
  })
})
