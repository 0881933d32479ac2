import { describe, expect, it } from 'vitest'
import { failureOf } from '../../contract/failures.ts'
import { setups, usePve } from '../../helpers/proxmox.ts'

const [one, two, six] = ['192.0.2.10', '192.0.2.11', '2001:db8:0:1::10']

describe('a virtual machine on Proxmox VE', () => {
  const cluster = usePve({ kind: 'qemu' })

  it('finds its address on the cloud-init drive when it starts next', async () => {
    const guest = cluster.pve.addGuest()
    expect(await cluster.give(cluster.service(guest), one)).toMatchObject({ applied: 'on reboot' })
    expect(guest.drive).toEqual({ ipconfig0: 'ip=192.0.2.10/24,gw=192.0.2.1' })
  })

  it('has the drive written where an earlier try did not get that far', async () => {
    const guest = cluster.pve.addGuest()
    await cluster.give(cluster.service(guest), one)
    guest.drive = {}
    await cluster.give(cluster.service(guest), one)
    expect(guest.drive).toEqual({ ipconfig0: 'ip=192.0.2.10/24,gw=192.0.2.1' })
    await cluster.take(cluster.service(guest), one)
    expect(guest.drive).toEqual({})
  })

  it('says what is on the drive when Proxmox VE claims to have written it', async () => {
    const guest = cluster.pve.addGuest()
    await cluster.give(cluster.service(guest), one)
    guest.drive = {}
    cluster.pve.simulator.faults.place('says success', 'change')
    const failure = await failureOf(cluster.give(cluster.service(guest), one))
    expect(failure.message).toContain('on it is still the old ipconfig0')
  })

  it('keeps its drive as it is where only others have changed what would be on it', async () => {
    const guest = cluster.pve.addGuest()
    guest.drive = { ciuser: 'admin' }
    await cluster.take(cluster.service(guest), one)
    expect(cluster.changes()).toEqual([])
  })

  it('needs no drive written before version 8, where every start does it', async () => {
    cluster.pve.simulator.version = '7.1'
    const guest = cluster.pve.addGuest()
    await cluster.give(cluster.service(guest), one)
    expect(cluster.changes()).not.toContain('PUT /nodes/{node}/qemu/{vmid}/cloudinit')
  })

  it('has its address now where its agent says so', async () => {
    const guest = cluster.pve.addGuest({ agent: [one] })
    expect(await cluster.give(cluster.service(guest), one)).toMatchObject({ applied: 'now' })
  })

  it('has an address for as long as its agent says so', async () => {
    const guest = cluster.pve.addGuest({ agent: [] })
    const service = cluster.service(guest)
    await cluster.give(service, one)
    cluster.pve.start(guest)
    await cluster.take(service, one)
    expect(await cluster.seen(service)).toEqual([one])
    expect(await cluster.seen(service, cluster.pve.driver({ options: { guestAgent: false } }))).toEqual([])
    cluster.pve.start(guest)
    expect(await cluster.seen(service)).toEqual([])
  })

  it('gets a further interface of the same kind for each further address', async () => {
    const net0 = 'e1000=BC:24:11:01:02:03,bridge=vmbr0,firewall=1,tag=12'
    const guest = cluster.pve.addGuest({ config: { net0, ide2: 'local:vm-cloudinit' } })
    const service = cluster.service(guest)
    for (const address of [one, two, six]) await cluster.give(service, address)
    expect(guest.config['net1']).toMatch(
      /^e1000=BC:24:11:(?!01:02:03)[0-9A-F:]+,bridge=vmbr0,firewall=1,tag=12$/,
    )
    expect(guest.config['ipconfig1']).toBe('ip=192.0.2.11/24')
    expect(guest.ipsets.get('ipfilter-net1')).toMatchObject([{ cidr: two }])
    await cluster.take(service, two)
    expect(Object.keys(guest.config)).toEqual(['net0', 'ide2', 'ipconfig0'])
  })

  it('is refused without a cloud-init drive', async () => {
    const guest = cluster.pve.addGuest({ config: { net0: 'virtio=BC:24:11:01:02:03,bridge=vmbr0' } })
    const failure = await failureOf(cluster.give(cluster.service(guest), one))
    expect(failure).toMatchObject({ code: 'panel_refused', retry: 'never' })
    expect(failure.message).toContain('has no cloud-init drive')
    expect(cluster.changes()).toEqual([])
  })

  it('does not keep the address that its template has', async () => {
    const service = cluster.service(undefined, { setup: setups.qemu })
    const { guest, applied } = await cluster.give(service, one)
    expect(cluster.pve.guest(guest).config['ipconfig0']).toBe('ip=192.0.2.10/24,gw=192.0.2.1')
    expect(applied).toBe('now')
    await cluster.give(service, two)
    expect(await cluster.seen(service)).toEqual([one, two])
  })
})
