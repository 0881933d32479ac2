import type { ListenOptions } from '../listen.ts'
import { type Memory, rememberMap } from '../remember.ts'
import { type Account, createAccess } from './access.ts'
import { createBooks, type Kind } from './books.ts'
import { createCalls, type Judge } from './calls.ts'
import { addressesIn } from './config.ts'
import { createFaults, type Fault, type Target } from './faults.ts'
import { type Cluster, majorOf } from './routes.ts'
import { serve } from './server.ts'
import { createTasks } from './tasks.ts'

export interface ProxmoxOptions extends ListenOptions {
  version?: string
  nodes?: string[]
  /** Who may come in. Default: `ipbridge@pve`. */
  accounts?: Account[]
  /** Judges the parameters of calls; default: nobody does. */
  judge?: Judge
}

export type SimulatedProxmox = Awaited<ReturnType<typeof startProxmox>>

/** A template of a virtual machine, with the number 9000. */
export const template = {
  vmid: 9000,
  kind: 'qemu',
  template: true,
  config: {
    name: 'debian-12',
    net0: 'virtio=BC:24:11:00:90:00,bridge=vmbr0,firewall=1',
    ide2: 'local:vm-9000-cloudinit,media=cdrom',
    memory: '2048',
  },
} as const

/** A Proxmox VE cluster on a socket of its own (the fact sheet, Proxmox VE API). */
export async function startProxmox(options: ProxmoxOptions = {}) {
  const { version = '9.1.3', nodes = ['pve1', 'pve2'], judge, ...listen } = options
  const accounts = options.accounts ?? [{ login: 'ipbridge@pve', password: 'panel-password' }]
  const cluster: Cluster = {
    version,
    books: createBooks(nodes),
    tasks: createTasks(),
    access: createAccess(() => majorOf(cluster) >= 6, accounts),
  }
  const faults = createFaults()
  const calls = createCalls({ cluster, faults, judge })
  const { books } = cluster

  const control = {
    guests: {
      list: () =>
        [...books.guests.values()].map(
          ({ vmid, kind, node, running, lock, template, config, live, ipsets, ...guest }) => ({
            ...{ vmid, kind, node, running, template, config },
            ...(lock ? { lock } : {}),
            addresses: addressesIn({ ...guest, vmid, kind, node, running, template, config, live, ipsets }),
            live: Object.fromEntries(live),
            ipsets: Object.fromEntries(ipsets),
          }),
        ),
      /** Makes a guest, as people do. */
      add: (vmid: number, kind: Kind, config: Record<string, string>) =>
        void books.add({ vmid, kind, config, running: true }),
      /** Deletes a guest, as people do. */
      remove: (vmid: number): boolean => books.guests.delete(vmid),
      migrate: (vmid: number, node: string): void =>
        void Object.assign(books.guests.get(vmid) ?? {}, { node }),
      /** From now on `ip addr add` fails in containers, or works again. */
      silent(is: boolean): void {
        books.silent = is
      },
    },
    faults: {
      place: (fault: Fault, on: Target, nth?: number): void => faults.place(fault, on, nth),
      heal: faults.heal,
    },
  }
  const server = await serve({ ...listen, calls, control, saysInBody: () => majorOf(cluster) >= 9 })

  return {
    url: server.origin,
    /** Where the control is, over HTTP. */
    controlUrl: `${server.origin}/simulator`,
    books,
    tasks: cluster.tasks,
    access: cluster.access,
    faults,
    requests: calls.requests,
    refused: calls.refused,
    hooks: calls.hooks,
    /** Remembers the guests, and the tasks that are still at work. */
    remember(): Memory {
      const parts = [rememberMap(books.guests), cluster.tasks.remember()]
      return { all: parts.map(part => part.all), recall: () => parts.forEach(part => void part.recall()) }
    },
    /** Another version, as after an upgrade. */
    set version(next: string) {
      cluster.version = next
    },
    stop: server.stop,
  }
}
