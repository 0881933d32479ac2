import { describe, expect, it } from 'vitest'
import { failureOf } from '../../contract/failures.ts'
import { usePve } from '../../helpers/proxmox.ts'

const [one, two, six] = ['192.0.2.10', '192.0.2.11', '2001:db8:0:1::10']
const mac = 'BC:24:11:01:02:03'

describe('a container on Proxmox VE', () => {
  const cluster = usePve({ kind: 'lxc' })

  it('keeps its hardware address and whatever else is said of its interface', async () => {
    const net0 = `name=eth0,bridge=vmbr0,tag=12,hwaddr=${mac},rate=10,type=veth`
    const guest = cluster.pve.addGuest({ config: { net0 } })
    await cluster.give(cluster.service(guest), one)
    expect(guest.config['net0']).toBe(`${net0},ip=192.0.2.10/24,gw=192.0.2.1`)
  })

  it('gets its address in place of what DHCP gave', async () => {
    const guest = cluster.pve.addGuest({
      config: { net0: `name=eth0,bridge=vmbr0,hwaddr=${mac},ip=dhcp,ip6=auto` },
    })
    await cluster.give(cluster.service(guest), one)
    expect(guest.config['net0']).toContain('ip=192.0.2.10/24,ip6=auto')
  })

  it('gets a further interface like the first for each further address, and one way out', async () => {
    const guest = cluster.pve.addGuest({
      config: { net0: `name=eth0,bridge=vmbr0,tag=12,firewall=1,hwaddr=${mac}` },
    })
    for (const address of [one, two, six]) await cluster.give(cluster.service(guest), address)
    expect(guest.config['net1']).toMatch(
      /^name=eth1,bridge=vmbr0,tag=12,firewall=1,ip=192.0.2.11\/24,hwaddr=/,
    )
    expect(guest.config['net1']).not.toContain(mac)
    expect(guest.config['net0']).toContain('ip6=2001:db8:0:1::10/64,gw6=2001:db8:0:1::1')
    expect(Object.values(guest.config).join().match(/gw=/g)).toHaveLength(1)
  })

  it('loses an interface with its last address, but never one that somebody else added', async () => {
    const net5 = 'name=lan,bridge=vmbr1,hwaddr=BC:24:11:0A:0B:0C'
    const guest = cluster.pve.addGuest({ config: { net0: `name=eth0,bridge=vmbr0,hwaddr=${mac}`, net5 } })
    const service = cluster.service(guest)
    for (const address of [one, two]) await cluster.give(service, address)
    for (const address of [two, one]) await cluster.take(service, address)
    expect(guest.config).toEqual({ net0: `name=eth0,bridge=vmbr0,hwaddr=${mac}`, net5 })
  })

  it('may send from its addresses in the same step, and from none that it lost', async () => {
    const guest = cluster.pve.addGuest()
    const service = cluster.service(guest)
    for (const address of [one, six, two]) await cluster.give(service, address)
    const sets = () =>
      Object.fromEntries([...guest.ipsets].map(([name, set]) => [name, set.map(({ cidr }) => cidr)]))
    expect(sets()).toEqual({ 'ipfilter-net0': [one, six], 'ipfilter-net1': [two] })
    for (const address of [one, two]) await cluster.take(service, address)
    expect(sets()).toEqual({ 'ipfilter-net0': [six] })
  })

  it('keeps what others let it send from', async () => {
    const guest = cluster.pve.addGuest({
      ipsets: new Map([['ipfilter-net0', [{ cidr: '198.51.100.0/28' }]]]),
    })
    const service = cluster.service(guest)
    await cluster.give(service, one)
    await cluster.take(service, one)
    expect(guest.ipsets.get('ipfilter-net0')).toEqual([{ cidr: '198.51.100.0/28' }])
  })

  it('has no set for what it may send from where a server does without', async () => {
    const guest = cluster.pve.addGuest()
    const driver = cluster.pve.driver({ options: { ipfilter: false } })
    await cluster.give(cluster.service(guest), one, driver)
    await cluster.take(cluster.service(guest), one, driver)
    expect(guest.ipsets.size).toBe(0)
  })

  it('is not said to have an address that Proxmox VE failed to add, and gets it at the next try', async () => {
    const { books } = cluster.pve.simulator
    const guest = cluster.pve.addGuest()
    const service = cluster.service(guest)
    books.silent = true
    const failure = await failureOf(cluster.give(service, one))
    expect(failure).toMatchObject({ code: 'panel_unavailable', retry: 'later' })
    expect(failure.message).toContain(`guest ${guest.vmid} (lxc on pve1) the address ${one}`)
    expect(failure.message).toContain('not on its running interfaces, only in its configuration')
    expect(await failureOf(cluster.give(service, one))).toMatchObject({ code: 'panel_unavailable' })
    books.silent = false
    expect(await cluster.give(service, one)).toEqual({ guest: service.guest, applied: 'now' })
    expect([...guest.live.values()].flat()).toEqual([`${one}/24`])
    expect(guest.config['net0']).toContain(`hwaddr=${mac}`)
  })

  it('is seen to have what is on its interfaces, whatever its configuration says', async () => {
    const guest = cluster.pve.addGuest()
    guest.live.set(0, [`${one}/24`])
    expect(await cluster.seen(cluster.service(guest))).toEqual([one])
    guest.running = false
    expect(await cluster.seen(cluster.service(guest))).toEqual([])
  })

  it('gets its address at its next start where it is off', async () => {
    const guest = cluster.pve.addGuest({ running: false })
    expect(await cluster.give(cluster.service(guest), one)).toMatchObject({ applied: 'on reboot' })
    cluster.pve.start(guest)
    expect(await cluster.give(cluster.service(guest), one)).toMatchObject({ applied: 'now' })
  })

  it('is believed of before version 7, which cannot tell what is on its interfaces', async () => {
    cluster.pve.simulator.version = '6.4'
    const guest = cluster.pve.addGuest()
    expect(await cluster.give(cluster.service(guest), one)).toMatchObject({ applied: 'now' })
    expect(await cluster.seen(cluster.service(guest))).toEqual([one])
  })

  it('gets the interface that it lacks where the server says on which bridge, and is refused otherwise', async () => {
    const guest = cluster.pve.addGuest({ config: {} })
    const service = cluster.service(guest)
    expect((await failureOf(cluster.give(service, one))).message).toContain('options.bridge')
    await cluster.give(service, one, cluster.pve.driver({ options: { bridge: 'vmbr7' } }))
    expect(guest.config['net0']).toMatch(/^name=eth0,bridge=vmbr7,firewall=1,type=veth,ip=192.0.2.10\/24/)
  })

  it('is refused an address that it has no room for', async () => {
    const nets = Array.from({ length: 10 }, (_, n) => [
      `net${n}`,
      `name=eth${n},bridge=vmbr0,hwaddr=${mac},ip=10.0.${n}.1/24`,
    ])
    const guest = cluster.pve.addGuest({ config: Object.fromEntries(nets) })
    const failure = await failureOf(cluster.give(cluster.service(guest), one))
    expect(failure).toMatchObject({ code: 'panel_refused', retry: 'never' })
    expect(failure.message).toContain('has no room for 192.0.2.10')
  })

  it('is refused an address whose network nobody knows, unless the server tells it', async () => {
    const guest = cluster.pve.addGuest()
    const wanted = { address: one, ptr: undefined, main: true }
    const configure = (options: object) =>
      cluster.pve
        .driver({ options: { ...options } })
        .configure(cluster.service(guest), wanted, cluster.signal)
    expect((await failureOf(configure({}))).message).toContain('options.networks')
    const elsewhere = { cidr: '198.51.100.0/24' }
    await configure({ networks: [elsewhere, { cidr: '192.0.2.0/26', gateway: '192.0.2.62' }] })
    expect(guest.config['net0']).toContain('ip=192.0.2.10/26,gw=192.0.2.62')
  })
})
