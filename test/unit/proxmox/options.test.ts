import { describe, expect, it } from 'vitest'
import { proxmox } from '../../../src/panels/proxmox/driver.ts'
import { token } from '../../helpers/proxmox.ts'
import { openServer } from '../../helpers/servers.ts'

describe('The settings of a server with Proxmox VE', () => {
  const good = { panel: 'proxmox', url: 'https://pve1.example.net:8006', ...token }

  it.each([
    [{ url: undefined }, '/url', 'is missing'],
    [{ url: 'pve1.example.net' }, '/url', 'https://pve.example.net:8006'],
    [{ login: 'root' }, '/login', 'user@realm!token'],
    [{ login: 'root@pam!' }, '/login', 'user@realm!token'],
    [{ password: '' }, '/password', 'empty'],
    [{ tls: { fingerprint: 'no' } }, '/tls/fingerprint', '64 hexadecimal digits'],
    [{ options: { interface: 'eth0' } }, '/options/interface', 'net0 to net9'],
    [{ options: { vmids: '200-100' } }, '/options/vmids', 'lower number'],
    [{ options: { vmids: '99' } }, '/options/vmids', 'such as 100000-199999'],
    [{ options: { bridge: 'vmbr0,tag=1' } }, '/options/bridge', 'name of a bridge'],
    [{ options: { networks: [{ cidr: '192.0.2.0' }] } }, '/options/networks/0/cidr', 'network'],
    [
      { options: { networks: [{ cidr: '192.0.2.0/24', gateway: 'x' }] } },
      '/options/networks/0/gateway',
      'not an IP',
    ],
    [{ options: { ipFilter: false } }, '/options/ipFilter', 'not a known field'],
  ])('are refused with %o', (change, pointer, text) => {
    const refusal = {
      code: 'invalid_configuration',
      faults: [{ pointer, message: expect.stringContaining(text) }],
    }
    expect(() => proxmox(openServer({ ...good, ...change }))).toThrow(expect.objectContaining(refusal))
  })

  it('never show the secret of the token', () => {
    const bad = () => proxmox(openServer({ ...good, login: 'root' }))
    expect(bad).toThrow(expect.objectContaining({ message: expect.not.stringContaining(token.password) }))
  })
})
