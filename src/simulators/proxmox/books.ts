import { createHash, randomBytes } from 'node:crypto'
import { die } from './refusal.ts'

export type Kind = 'lxc' | 'qemu' | 'openvz'

export interface SimulatedGuest {
  vmid: number
  kind: Kind
  node: string
  /** As the configuration file has it. */
  config: Record<string, string>
  running: boolean
  lock?: string
  template: boolean
  /** LXC: what is on the running interfaces, by the N of `netN`. */
  live: Map<number, string[]>
  /** QEMU: the `ipconfigN` that the cloud-init drive holds. */
  drive: Record<string, string>
  /** QEMU: what a guest agent tells; undefined where there is none. */
  agent: string[] | undefined
  /** The firewall's sets by name. */
  ipsets: Map<string, { cidr: string; comment?: string }[]>
}

export type Books = ReturnType<typeof createBooks>

/** What the cluster knows: its guests, wherever they are. */
export function createBooks(nodes: string[]) {
  const guests = new Map<number, SimulatedGuest>()

  return {
    nodes,
    guests,
    /** Nodes that do not answer. */
    away: new Set<string>(),
    /** `ip addr add` fails in containers, which Proxmox VE only warns of. */
    silent: false,

    add(guest: Partial<SimulatedGuest> & { vmid: number; kind: Kind }): SimulatedGuest {
      const whole: SimulatedGuest = {
        node: nodes[0] ?? '',
        config: {},
        running: false,
        template: false,
        live: new Map(),
        drive: {},
        agent: undefined,
        ipsets: new Map(),
        ...guest,
      }
      guests.set(whole.vmid, whole)
      return whole
    },

    /** The guest as one node has it. */
    at(node: string, kind: string, vmid: number): SimulatedGuest {
      const guest = guests.get(vmid)
      if (guest?.node === node && guest.kind === kind) return guest
      const folder = kind === 'qemu' ? 'qemu-server' : kind
      throw die(`Configuration file 'nodes/${node}/${folder}/${vmid}.conf' does not exist`)
    },
  }
}

export function digestOf({ config }: SimulatedGuest): string {
  return createHash('sha1').update(JSON.stringify(config)).digest('hex')
}

export function freshMac(): string {
  const bytes = [0xbc, 0x24, 0x11, ...randomBytes(3)]
  return bytes.map(byte => byte.toString(16).padStart(2, '0').toUpperCase()).join(':')
}
