import { describe, expect, it } from 'vitest'
import { failureOf } from '../../contract/failures.ts'
import { account, usePve } from '../../helpers/proxmox.ts'

const address = '192.0.2.10'

describe('a login with a password', () => {
  const cluster = usePve({ credentials: account })

  it('signs in once for all calls', async () => {
    const driver = cluster.pve.driver()
    const guests = [cluster.pve.addGuest(), cluster.pve.addGuest()]
    await Promise.all(guests.map(guest => cluster.give(cluster.service(guest), address, driver)))
    expect(cluster.pve.simulator.access.signedIn).toBe(1)
  })

  it('signs in again when its ticket ends, in the middle of a change too', async () => {
    const driver = cluster.pve.driver()
    const guest = cluster.pve.addGuest()
    const { access, hooks } = cluster.pve.simulator
    hooks.before = ({ method }) => {
      if (method === 'PUT') {
        access.expire()
        hooks.before = undefined
      }
    }
    await cluster.give(cluster.service(guest), address, driver)
    expect(access.signedIn).toBe(2)
    expect(cluster.pve.addressesOf(guest.vmid)).toEqual([address])
  })

  it('is told when a new ticket does not help either', async () => {
    const driver = cluster.pve.driver()
    const { access, hooks } = cluster.pve.simulator
    hooks.before = () => access.expire()
    expect(
      await failureOf(cluster.seen(cluster.service({ vmid: 101 }), driver) as Promise<unknown>),
    ).toMatchObject({
      code: 'bad_credentials',
      retry: 'never',
    })
  })

  it('is told to use a token where it has a second factor', async () => {
    const { access } = cluster.pve.simulator
    const enter = access.enter.bind(access)
    access.enter = params => ({ ...enter(params), ticket: 'PVE:!tfa!{}:1234' })
    const failure = await failureOf(cluster.seen(cluster.service({ vmid: 101 })) as Promise<unknown>)
    expect(failure).toMatchObject({ code: 'bad_credentials' })
    expect(failure.message).toContain('API token')
  })
})

describe('a login with a token', () => {
  const cluster = usePve()

  it('never signs in', async () => {
    const guest = cluster.pve.addGuest()
    await cluster.give(cluster.service(guest), address)
    expect(cluster.pve.simulator.access.signedIn).toBe(0)
  })

  it('is not known to versions that have no tokens', async () => {
    cluster.pve.simulator.version = '5.4'
    expect(await failureOf(cluster.seen(cluster.service({ vmid: 101 })) as Promise<unknown>)).toMatchObject({
      code: 'bad_credentials',
    })
  })

  it('is asked what it may do when an administrator tests the server', async () => {
    const { access, books } = cluster.pve.simulator
    const check = () => cluster.pve.driver().check(cluster.signal)
    expect(await check()).toEqual({ ok: true, version: '9.1.3', remarks: [] })
    access.rights.delete('SDN.Use')
    books.away.add('pve2')
    expect(await check()).toEqual({
      ok: false,
      version: '9.1.3',
      remarks: [
        'ipbridge@pve!worker lacks the right SDN.Use, to change interfaces, on the bridge that they are plugged into',
        'the node pve2 is away: its guests cannot be changed',
      ],
    })
    cluster.pve.simulator.version = '7.4'
    expect(await check()).toMatchObject({ ok: true, version: '7.4' })
  })

  it('is said to trust anybody where certificates are not checked', async () => {
    const { remarks } = await cluster.pve.driver({ tls: { verify: false } }).check(cluster.signal)
    expect(remarks).toEqual([expect.stringContaining('tls.verify is false')])
  })

  it('may be given with any spelling of the URL', async () => {
    for (const end of ['/', '/api2/json', '/api2/json/']) {
      const driver = cluster.pve.driver({ url: `${cluster.pve.simulator.url}${end}` })
      expect(await driver.check(cluster.signal)).toMatchObject({ ok: true })
    }
  })

  it('is told that what answers at its URL is not Proxmox VE', async () => {
    const driver = cluster.pve.driver({ url: `${cluster.pve.simulator.url}/manager` })
    const { ok, remarks } = await driver.check(cluster.signal)
    expect(ok).toBe(false)
    expect(remarks.join()).toContain('does not know GET /version')
    expect(cluster.pve.simulator.refused.splice(0)).toHaveLength(1)
  })
})
