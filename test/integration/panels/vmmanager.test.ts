import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { vmmanager5 } from '../../../src/panels/vmmanager5.ts'
import type { GuestPanel } from '../../../src/simulators/guests/start.ts'
import { startVmmanager5 } from '../../../src/simulators/vmmanager5/start.ts'
import { startVmmanager6, type Vmmanager6 } from '../../../src/simulators/vmmanager6/start.ts'
import { admin } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { panelAddress, panelService } from '../../helpers/panel-service.ts'
import { openServer } from '../../helpers/servers.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('servers with VMmanager', () => {
  let app: TestApp
  let five: GuestPanel
  let six: Vmmanager6

  beforeAll(async () => {
    five = await startVmmanager5()
    six = await startVmmanager6()
    app = await startTestApp()
    await app.desk.pools.add(admin, { name: 'v4', cidr: '192.0.2.0/24', connection: 'builtin' })
    const account = { password: 'panel-password', connection: 'builtin' }
    await app.desk.servers.add(admin, {
      ...account,
      name: 'five',
      panel: 'vmmanager5',
      url: five.url,
      login: 'admin',
      options: { setup: { preset: 'KVM-1', vmi: 'Debian-12' }, patienceSeconds: 0 },
    })
    await app.desk.servers.add(admin, {
      ...account,
      name: 'six',
      panel: 'vmmanager6',
      url: six.url,
      login: 'admin@example.net',
      options: { setup: { cluster: 1, os: 12 } },
    })
  })
  afterAll(async () => {
    await app?.shutDown()
    await Promise.all([five?.stop(), six?.stop()])
  })

  const service = (id: string) => app.desk.services.show(admin, id)
  const tell = (...inputs: object[]) => app.intake.accept(inputs, 'api')
  const active = (id: string, server: string) =>
    until(`${id} has its address on ${server}`, async () => {
      const { guest, addresses } = await service(id)
      const [main] = addresses.filter(one => one.state === 'active' && one.server === server)
      return main?.address && guest ? { address: main.address, guest } : undefined
    })
  const operationOf = async (id: string) =>
    (await app.desk.operations.list({ service: id, kind: 'allocate', limit: 10 })).items[0]

  it('show operators why a guest does not have its address, and try again until it does', async () => {
    five.faults.add({ what: 'says-ok', func: 'vm.edit', submit: true })
    await tell(events.created({ id: 'silent', server: 'five' }))
    const failed = await until('it was tried', async () => {
      const operation = await operationOf('silent')
      return operation?.error ? operation : undefined
    })
    expect(failed.error).toMatchObject({
      code: 'panel_unavailable',
      message: expect.stringMatching(/it says that it made the guest of service silent .* does not show it/),
    })
    five.faults.clear()
    const { address, guest } = await active('silent', 'five')
    expect(five.books.look(guest)?.addresses).toMatchObject([{ ip: address }])
  })

  it('release nothing as long as the panel keeps the address on its guest', async () => {
    await tell(events.created({ id: 'kept', server: 'five' }))
    const { address, guest } = await active('kept', 'five')
    five.behave({ mainStays: true })
    await tell(events.deleted('kept'))
    const view = await until('the release was tried', async () => {
      const { items } = await app.desk.operations.list({ service: 'kept', kind: 'release', limit: 1 })
      return items[0]?.error ? items[0] : undefined
    })
    expect(view.error).toMatchObject({
      code: 'still_in_use',
      message: expect.stringContaining(`${address} is still on guest ${guest}`),
    })
    five.books.remove(guest)
    await until('it is released', async () => (await service('kept')).addresses.length === 0)
    five.behave({ mainStays: false })
  })

  it('hand a service over with its address, from one product to the other', async () => {
    await tell(events.created({ id: 'mover', server: 'five' }))
    const before = await active('mover', 'five')
    await tell(events.created({ id: 'mover', server: 'six' }))
    const after = await active('mover', 'six')
    expect(after.address).toBe(before.address)
    expect(five.books.look(before.guest)?.addresses).toEqual([])
    expect(six.books.look(after.guest)).toMatchObject({
      comment: '[ipb:service:mover]',
      addresses: [{ ip: after.address }],
    })
  })

  /** A guest that billing had made before, and its service, taken over without its id. */
  async function takenOver(id: string, address: string): Promise<string> {
    const guest = five.books.add(`customer-${id}`)
    const panel = vmmanager5(openServer({ url: five.url }))
    await panel.configure(panelService({ guest }), panelAddress(address), new AbortController().signal)
    const service = {
      where: 'line 2',
      id,
      kind: 'vps',
      client: 'c1',
      domain: `${id}.example.net`,
      server: 'five',
    }
    const list = async function* () {
      yield { ...service, addresses: [{ where: 'line 2', address }] }
    }
    const { signal } = new AbortController()
    const { newAddresses } = await app.desk.imports.run(admin, list(), { dryRun: false, signal })
    expect(newAddresses).toBe(1)
    return guest
  }

  it('get no second guest for a service that was taken over: the one with its address is found', async () => {
    const guest = await takenOver('over-1', '192.0.2.101')
    const before = five.books.guests().length
    await tell(events.ordered('over-1', 'o1'))
    const extra = await until('it has two', async () => {
      const { addresses } = await service('over-1')
      return addresses.find(({ slot, state }) => slot !== 'main' && state === 'active')?.address
    })
    expect((await service('over-1')).guest).toBe(guest)
    expect(five.books.guests()).toHaveLength(before)
    expect(five.books.look(guest)?.addresses.map(({ ip }) => ip)).toEqual(['192.0.2.101', extra])
  })

  it('have an address of a service that was taken over taken off its guest before it goes back', async () => {
    const guest = await takenOver('over-2', '192.0.2.102')
    await tell({ ...events.deleted('over-2'), time: new Date().toISOString() })
    await until('it is released', async () => (await service('over-2')).addresses.length === 0)
    expect(five.books.look(guest)?.addresses).toEqual([])
  })

  it('get no guest for a service that was taken over, whose own is not found', async () => {
    const guest = await takenOver('over-3', '192.0.2.103')
    five.books.remove(guest)
    const before = five.books.guests().length
    await tell(events.ordered('over-3', 'o1'))
    const failed = await until('it has failed', async () => {
      const operation = await operationOf('over-3')
      return operation?.state === 'failed' ? operation : undefined
    })
    expect(failed.error?.message).toContain('billing must send service.guest')
    expect(five.books.guests()).toHaveLength(before)
  })
})
