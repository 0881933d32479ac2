import { describe, expect, it } from 'vitest'
import { account, usePve } from '../../helpers/proxmox.ts'

describe('an OpenVZ container on Proxmox VE 3', () => {
  const cluster = usePve({ kind: 'openvz', version: '3.4', credentials: account })
  const writes = () => cluster.pve.simulator.requests.flatMap(({ params }) => params['ip_address'] ?? [])

  it('is sent its whole list, entries of others as they are', async () => {
    const guest = cluster.pve.addGuest({ config: { ip_address: '198.51.100.7/25 2001:DB8::7' } })
    const service = cluster.service(guest)
    await cluster.give(service, '192.0.2.10')
    await cluster.take(service, '2001:db8::7')
    expect(writes()).toEqual(['198.51.100.7/25 2001:DB8::7 192.0.2.10', '198.51.100.7/25 192.0.2.10'])
  })

  it('never loses what somebody else added meanwhile', async () => {
    const guest = cluster.pve.addGuest()
    const { hooks } = cluster.pve.simulator
    hooks.before = ({ method }) => {
      if (method !== 'PUT') return
      guest.config['ip_address'] = '198.51.100.8'
      hooks.before = undefined
    }
    await cluster.give(cluster.service(guest), '192.0.2.10')
    expect(guest.config['ip_address']).toBe('198.51.100.8 192.0.2.10')
  })

  it('is sent an empty list when it loses its last address', async () => {
    const guest = cluster.pve.addGuest({ config: { ip_address: '192.0.2.10' } })
    await cluster.take(cluster.service(guest), '192.0.2.10')
    expect(writes()).toEqual([''])
    expect(await cluster.seen(cluster.service(guest))).toEqual([])
  })

  it('is sent nothing where nothing changes', async () => {
    const guest = cluster.pve.addGuest({ config: { ip_address: '192.0.2.10/32' } })
    await cluster.give(cluster.service(guest), '192.0.2.10')
    await cluster.take(cluster.service(guest), '192.0.2.11')
    expect(writes()).toEqual([])
  })
})
