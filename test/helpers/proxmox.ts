import { afterEach, beforeEach, expect } from 'vitest'
import type { OpenServer } from '../../src/db/registry.ts'
import type { PanelDriver, PanelService } from '../../src/panels/driver.ts'
import { type ProxmoxPace, proxmox } from '../../src/panels/proxmox/driver.ts'
import type { SimulatedGuest } from '../../src/simulators/proxmox/books.ts'
import { addressesIn, rewriteDrive, start } from '../../src/simulators/proxmox/config.ts'
import {
  type ProxmoxOptions,
  type SimulatedProxmox,
  startProxmox,
} from '../../src/simulators/proxmox/start.ts'
import { violations } from '../simulators/proxmox/schema.ts'
import { openServer } from './servers.ts'

export type GuestKind = SimulatedGuest['kind']

export const token = { login: 'ipbridge@pve!worker', password: '6f1e0c1a-5b7c-4a53-9d1c-0a5d5f0c9b11' }
export const account = { login: 'ipbridge@pve', password: 'correct horse battery staple' }

/** Quicker than in earnest. */
export const pace: ProxmoxPace = { pollMs: 2, http: { connectMs: 1_000, responseMs: 5_000 } }

export type Pve = Awaited<ReturnType<typeof startPve>>

/** A simulated cluster, and drivers for it. */
export async function startPve(
  options: ProxmoxOptions & { kind?: GuestKind; credentials?: typeof token } = {},
) {
  const { kind = 'lxc', credentials = token, ...more } = options
  const simulator = await startProxmox({ judge: violations, accounts: [token, account], ...more })
  addTemplates(simulator)
  const fields = { name: 'pve', panel: 'proxmox', url: simulator.url, ...credentials }
  let next = 101

  return {
    simulator,
    fields,
    driver: (changes: Partial<OpenServer> = {}) => proxmox(openServer({ ...fields, ...changes }), pace),

    /** A guest as people make them, running and without addresses. */
    addGuest(more: Partial<SimulatedGuest> = {}): SimulatedGuest {
      const guest = simulator.books.add({ vmid: next++, kind, config: { ...configs[kind] }, ...more })
      guest.running = more.running ?? true
      rewriteDrive(guest)
      return guest
    },

    guest(id: string | number): SimulatedGuest {
      const guest = simulator.books.guests.get(Number(id))
      if (guest === undefined) throw new Error(`the simulator has no guest ${id}`)
      return guest
    },

    /** The guests that are no templates. */
    guests: () => [...simulator.books.guests.values()].filter(({ template }) => !template),

    /** By the books of the panel: what the configuration says, and the interfaces where they are known. */
    addressesOf(id: string | number): string[] {
      const guest = this.guest(id)
      const live = guest.kind === 'lxc' && guest.running ? [...guest.live.values()].flat() : []
      return [...new Set([...addressesIn(guest), ...live.map(text => text.split('/')[0] ?? '')])]
    },

    start,
    stop: () => simulator.stop(),
  }
}

const configs: Record<GuestKind, Record<string, string>> = {
  lxc: { hostname: 'ct', net0: 'name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:01:02:03,type=veth' },
  qemu: {
    name: 'vm',
    net0: 'virtio=BC:24:11:01:02:03,bridge=vmbr0,firewall=1',
    ide2: 'local:vm-cloudinit,media=cdrom',
  },
  openvz: { hostname: 'ct.example.net', ip_address: '' },
}

/** What new guests are made of. */
export const setups: Record<GuestKind, Record<string, unknown>> = {
  lxc: {
    kind: 'lxc',
    node: 'pve1',
    ostemplate: 'local:vztmpl/debian-12.tar.zst',
    net0: 'name=eth0,bridge=vmbr0,firewall=1',
    memory: 512,
  },
  qemu: { clone: 9000, full: true, cores: 2 },
  openvz: { kind: 'openvz', node: 'pve1', ostemplate: 'local:vztmpl/debian-6.tar.gz', memory: 512 },
}

function addTemplates({ books }: SimulatedProxmox): void {
  books.add({
    vmid: 9000,
    kind: 'qemu',
    template: true,
    config: { ...configs.qemu, name: 'template', ipconfig0: 'ip=10.0.0.9/8,gw=10.0.0.1', template: '1' },
  })
}

const signal = new AbortController().signal

/** A cluster for each test of the block that calls this; what it is asked must be as the schema says. */
export function usePve(options: Parameters<typeof startPve>[0] = {}) {
  let pve: Pve
  beforeEach(async () => {
    pve = await startPve(options)
  })
  afterEach(async () => {
    await pve.stop()
    expect(pve.simulator.refused, 'requests that the schema does not allow').toEqual([])
  })

  return {
    signal,
    get pve(): Pve {
      return pve
    },
    service(guest: { vmid: number } | undefined, more: Partial<PanelService> = {}): PanelService {
      const named = guest === undefined ? undefined : String(guest.vmid)
      return {
        id: 's-1',
        kind: 'vps',
        client: 'c-1',
        domain: 's1.example.net',
        guest: named,
        setup: {},
        ...more,
      }
    },
    /** Gives an address, with its network as the IPAM would tell it. */
    give(service: PanelService, address: string, driver: PanelDriver = pve.driver()) {
      const network = address.includes(':')
        ? { prefix: 64, gateway: '2001:db8:0:1::1' }
        : { prefix: 24, gateway: '192.0.2.1' }
      return driver.configure(service, { address, ptr: undefined, main: true, network }, signal)
    },
    take: (service: PanelService, address: string, driver: PanelDriver = pve.driver()) =>
      driver.unassign(service, address, signal),
    seen: (service: PanelService, driver: PanelDriver = pve.driver()) => driver.addresses(service, signal),
    /** The changes that were asked of the cluster, as `METHOD path`. */
    changes: () =>
      pve.simulator.requests
        .filter(({ method, template }) => method !== 'GET' && template !== '/access/ticket')
        .map(({ method, template }) => `${method} ${template}`),
  }
}
