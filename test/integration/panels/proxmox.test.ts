import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { proxmox } from '../../../src/panels/proxmox/driver.ts'
import { admin } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { type Pve, pace, startPve } from '../../helpers/proxmox.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('a server with Proxmox VE', () => {
  let app: TestApp
  let pve: Pve
  let count = 0

  beforeAll(async () => {
    pve = await startPve({ kind: 'lxc' })
    app = await startTestApp({ panelDrivers: { proxmox: server => proxmox(server, pace) } })
    await app.desk.pools.add(admin, {
      name: 'v4',
      cidr: '192.0.2.0/24',
      gateway: '192.0.2.1',
      connection: 'builtin',
    })
    await app.desk.servers.add(admin, { ...pve.fields, connection: 'builtin' })
  })
  beforeEach(() => {
    pve.simulator.books.silent = false
    count += 1
  })
  afterAll(async () => {
    await app?.shutDown()
    await pve?.stop()
  })

  /** A service on a container that people made. */
  async function create(): Promise<{ id: string; vmid: number }> {
    const { vmid } = pve.addGuest()
    const id = `s${count}`
    await app.intake.accept([events.created({ id, server: 'pve', guest: String(vmid) })], 'api')
    return { id, vmid }
  }
  const addresses = async (id: string) => (await app.desk.services.show(admin, id)).addresses
  const active = (id: string) =>
    until(
      `${id} has its address`,
      async () => (await addresses(id)).find(({ state }) => state === 'active')?.address,
    )
  /** The latest operation of a service of one kind. */
  const operation = async (id: string, kind: string) =>
    (await app.desk.operations.list({ service: id, limit: 50 })).items.find(item => item.kind === kind)

  it('is well when an administrator tests it, and otherwise says why', async () => {
    const { signal } = new AbortController()
    expect(await app.desk.servers.test('pve', signal)).toEqual({ ok: true, version: '9.1.3', remarks: [] })
    await app.desk.servers.add(admin, {
      ...pve.fields,
      name: 'bad',
      password: 'wrong',
      connection: 'builtin',
    })
    const { ok, remarks } = await app.desk.servers.test('bad', signal)
    expect(ok).toBe(false)
    expect(remarks).toEqual([expect.stringContaining('does not accept the login')])
  })

  it('is refused with settings that Proxmox VE does not take', async () => {
    const bad = { ...pve.fields, name: 'worse', login: 'root', connection: 'builtin' }
    await expect(app.desk.servers.add(admin, bad)).rejects.toMatchObject({
      code: 'invalid_request',
      faults: [{ pointer: '/login' }],
    })
  })

  it('gets the address with the prefix and the gateway of its pool', async () => {
    const { id, vmid } = await create()
    const address = await active(id)
    expect(pve.guest(vmid).config['net0']).toContain(`ip=${address}/24,gw=192.0.2.1`)
    expect(pve.addressesOf(vmid)).toEqual([address])
  })

  it('says to operators why a container did not get its address, and gives it once it can', async () => {
    pve.simulator.books.silent = true
    const { id, vmid } = await create()
    const failed = await until('the set-up has failed', async () => {
      const found = await operation(id, 'allocate')
      return found?.error && found.state === 'queued' ? found : undefined
    })
    expect(failed.error).toMatchObject({ code: 'panel_unavailable' })
    expect(failed.error?.message).toContain('not on its running interfaces')
    const step = failed.steps.find(({ name, outcome }) => name === 'configure' && outcome === 'failed')
    expect(step?.detail).toContain('not on its running interfaces')
    const taken = failed.address
    pve.simulator.books.silent = false
    expect(await active(id)).toBe(taken)
    expect(pve.addressesOf(vmid)).toEqual([taken])
  })

  it('does not lose an address to others while a container still has it', async () => {
    const { id, vmid } = await create()
    const address = await active(id)
    // Somebody has put it onto another interface inside the container as well.
    pve.guest(vmid).live.set(7, [`${address}/24`])
    await app.intake.accept([events.deleted(id)], 'api')
    const held = await until('the release was refused', async () => {
      const found = await operation(id, 'release')
      return found?.error && found.state === 'queued' ? found : undefined
    })
    expect(held.error).toMatchObject({ code: 'still_in_use' })
    expect(held.steps.map(({ name, outcome }) => `${name}: ${outcome}`)).toContain(
      'look at the guest: failed',
    )
    expect(pve.guest(vmid).config['net0']).not.toContain(address)
    expect((await addresses(id)).map(({ state }) => state)).toEqual(['releasing'])
    pve.guest(vmid).live.clear()
    await until('it is released', async () => (await operation(id, 'release'))?.state === 'done')
  })

  it('does not mind that the container of a deleted service is gone', async () => {
    const { id, vmid } = await create()
    await active(id)
    pve.simulator.books.guests.delete(vmid)
    await app.intake.accept([events.deleted(id)], 'api')
    await until('it is released', async () => (await operation(id, 'release'))?.state === 'done')
  })
})
