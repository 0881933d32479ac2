import { describe, expect, it } from 'vitest'
import { failureOf, outcomeOf } from '../../contract/failures.ts'
import { usePve } from '../../helpers/proxmox.ts'

const address = '192.0.2.10'

describe('a cluster of Proxmox VE', () => {
  const cluster = usePve()

  /** Lets a guest move to the other node just before a request of this kind is answered, once. */
  function migrateBefore(method: string, end: string): void {
    const { hooks, books } = cluster.pve.simulator
    hooks.before = ({ template, path, ...request }) => {
      const guest = books.guests.get(Number(path['vmid']))
      if (request.method !== method || !template.endsWith(end) || guest === undefined) return
      guest.node = 'pve2'
      hooks.before = undefined
    }
  }

  it.each([
    ['GET', '/config'],
    ['POST', '/ipset'],
    ['PUT', '/config'],
    ['GET', '/interfaces'],
  ])('finds a guest again that migrates in the middle of the work (before %s %s)', async (method, end) => {
    const guest = cluster.pve.addGuest()
    migrateBefore(method, end)
    await cluster.give(cluster.service(guest), address)
    expect(guest.node).toBe('pve2')
    expect(cluster.pve.addressesOf(guest.vmid)).toEqual([address])
    migrateBefore('GET', '/status/current')
    guest.node = 'pve1'
    expect(await cluster.seen(cluster.service(guest))).toEqual([address])
  })

  it('is not asked for ever where a guest is never where it is said to be', async () => {
    const guest = cluster.pve.addGuest()
    const { hooks } = cluster.pve.simulator
    hooks.before = ({ template }) => {
      if (template.endsWith('/config')) guest.node = guest.node === 'pve1' ? 'pve2' : 'pve1'
    }
    const failure = await failureOf(cluster.give(cluster.service(guest), address))
    expect(failure).toMatchObject({ code: 'panel_unavailable', retry: 'later' })
  })

  it('never overwrites what somebody else changed meanwhile', async () => {
    const guest = cluster.pve.addGuest()
    const { hooks } = cluster.pve.simulator
    hooks.before = ({ method }) => {
      if (method !== 'PUT') return
      guest.config['net0'] += ',rate=5'
      hooks.before = undefined
    }
    await cluster.give(cluster.service(guest), address)
    expect(guest.config['net0']).toMatch(/,rate=5,ip=192.0.2.10\/24,/)
  })

  it('is left alone with a guest that is locked, and asked again later', async () => {
    const guest = cluster.pve.addGuest({ lock: 'backup' })
    const failures = [
      await failureOf(cluster.give(cluster.service(guest), address)),
      await failureOf(cluster.take(cluster.service(guest), address)),
    ]
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: 'panel_unavailable', retry: 'later', retryAfterMs: 300_000 })
      expect(failure.message).toContain(`guest ${guest.vmid} (lxc on pve1) is locked (backup)`)
    }
    expect(cluster.changes()).toEqual([])
  })

  it('says so where a guest is locked between the look and the change', async () => {
    const guest = cluster.pve.addGuest()
    cluster.pve.simulator.hooks.before = ({ method }) => {
      if (method === 'PUT') guest.lock = 'migrate'
    }
    const failure = await failureOf(cluster.give(cluster.service(guest), address))
    expect(failure).toMatchObject({ code: 'panel_unavailable', retry: 'later' })
    expect(failure.message).toContain('CT is locked (migrate)')
  })

  it('is not believed that a guest is gone which the login may not see', async () => {
    const guest = cluster.pve.addGuest()
    await cluster.give(cluster.service(guest), address)
    cluster.pve.simulator.access.hidden.add(guest.vmid)
    for (const call of [
      cluster.seen(cluster.service(guest)),
      cluster.take(cluster.service(guest), address),
    ]) {
      const failure = await failureOf(call as Promise<unknown>)
      expect(failure).toMatchObject({ code: 'access_denied', retry: 'never' })
      expect(failure.message).toContain(`VM.Audit on /vms/${guest.vmid}`)
    }
  })

  it('is not believed either where the login lost the right to see any guest', async () => {
    const guest = cluster.pve.addGuest()
    cluster.pve.simulator.access.rights.delete('VM.Audit')
    expect(await failureOf(cluster.seen(cluster.service(guest)))).toMatchObject({ code: 'access_denied' })
  })

  it('tells what the login may not do', async () => {
    const guest = cluster.pve.addGuest()
    cluster.pve.simulator.access.rights.delete('VM.Config.Network')
    const failure = await failureOf(cluster.give(cluster.service(guest), address))
    expect(failure).toMatchObject({ code: 'access_denied', retry: 'never' })
    expect(failure.message).toContain(`Permission check failed (/vms/${guest.vmid}, VM.Config.Network)`)
  })

  it.each(['read', 'change'] as const)('is asked later where the node of a guest is away (%s)', async on => {
    const guest = cluster.pve.addGuest()
    if (on === 'change') cluster.pve.simulator.faults.place('unreachable', 'change')
    else cluster.pve.simulator.books.away.add('pve1')
    const failure = await failureOf(cluster.give(cluster.service(guest), address))
    expect(failure.retry).toBe('later')
    expect(failure.code).toBe(on === 'change' ? 'outcome_unknown' : 'panel_unavailable')
    expect(failure.message).toContain('No route to host')
  })

  it('is not asked about a guest whose name is no number', async () => {
    const failure = await failureOf(cluster.seen({ ...cluster.service(undefined), guest: 'vm-one' }))
    expect(failure).toMatchObject({ code: 'panel_refused', retry: 'never' })
    expect(failure.message).toContain('VMID')
    expect(cluster.pve.simulator.requests).toEqual([])
  })

  it('lists its guests with the services that they were made for, but no templates', async () => {
    const made = cluster.pve.addGuest({
      config: { description: 'x\nipbridge-service: s%201\n', net0: 'name=eth0,ip=192.0.2.9/24' },
    })
    const other = cluster.pve.addGuest({ running: false })
    const gone = cluster.pve.addGuest()
    const { hooks, books } = cluster.pve.simulator
    hooks.before = ({ path }) => {
      if (Number(path['vmid']) === gone.vmid) books.guests.delete(gone.vmid)
    }
    const guests = []
    for await (const guest of cluster.pve.driver().guests?.(cluster.signal) ?? []) guests.push(guest)
    expect(guests).toEqual([
      { guest: String(made.vmid), service: 's 1', addresses: ['192.0.2.9'] },
      { guest: String(other.vmid), addresses: [] },
    ])
  })

  it('ends no listing as if it was whole when a guest cannot be looked at', async () => {
    cluster.pve.addGuest()
    cluster.pve.simulator.faults.place('busy', 'read', 2)
    const list = async () => {
      const guests = []
      for await (const guest of cluster.pve.driver().guests?.(cluster.signal) ?? []) guests.push(guest)
      return guests
    }
    expect(await outcomeOf(list())).toMatchObject({ code: 'panel_unavailable' })
  })
})
