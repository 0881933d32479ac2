import { describe, expect, it } from 'vitest'
import { violations as judged } from '../../simulators/proxmox/schema.ts'

describe('the schema of Proxmox VE as a judge of requests', () => {
  const lxc = '/nodes/pve1/lxc/101/config'
  const qemu = '/nodes/pve1/qemu/101/config'

  it.each([
    [lxc, { net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:01:02:03,ip=192.0.2.7/24,gw=192.0.2.1,type=veth' }],
    [lxc, { delete: 'net1,net2', digest: 'a'.repeat(40), memory: '512' }],
    [qemu, { net0: 'virtio=BC:24:11:01:02:03,bridge=vmbr0,firewall=1', ipconfig0: 'ip=dhcp,ip6=auto' }],
    [qemu, { net1: 'model=e1000,macaddr=BC:24:11:01:02:03', ipconfig3: 'ip=192.0.2.7/24,gw=192.0.2.1' }],
  ])('allows what Proxmox VE takes (%s %o)', (path, params) => {
    expect(judged('PUT', path, params)).toEqual({})
  })

  it.each([
    [lxc, { net0: 'bridge=vmbr0' }, 'name: property is missing'],
    [lxc, { net0: 'name=eth0,ip=192.0.2.7' }, 'ip: invalid format'],
    [lxc, { net0: 'name=eth0,hwaddr=BC:24' }, 'hwaddr: invalid format'],
    [lxc, { net0: 'name=eth0,colour=red' }, 'no such property'],
    [lxc, { net0: 'name=eth0,name=eth1' }, 'duplicate key'],
    [lxc, { nett: 'name=eth0' }, 'not defined in schema'],
    [lxc, { digest: 'a'.repeat(41) }, '40 characters'],
    ['/nodes/pve1/lxc/99/config', { memory: '1' }, 'minimum value of 100'],
    ['/nodes/-pve/lxc/101/config', { memory: '1' }, 'pve-node'],
    [qemu, { ipconfig0: 'gw=192.0.2.1' }, 'gw requires ip'],
    [qemu, { net0: 'virtio,e1000' }, 'duplicate key'],
    [qemu, { force: '1' }, 'requires delete'],
  ])('refuses what it does not take (%s %o)', (path, params, why) => {
    expect(Object.values(judged('PUT', path, params)).join()).toContain(why)
  })

  it('asks for what must be there', () => {
    expect(judged('POST', '/nodes/pve1/lxc', { vmid: '101' })).toMatchObject({
      ostemplate: expect.stringContaining('missing'),
    })
  })
})
