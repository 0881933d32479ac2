import { IpbridgeError } from '../../errors.ts'
import type { Api } from './api.ts'
import { isFault, ProxmoxFault } from './fault.ts'
import { type Guest, nameOf, pathOf, reachable } from './guest.ts'
import type { NicRules } from './nic-guests.ts'
import { changedProps, type Props, parseProps, printProps } from './props.ts'
import { agentInterfaces, type Config, cloudinit } from './shapes.ts'

/**
 * Virtual machines, by cloud-init (facts: Proxmox VE API, QEMU cloud-init). What is written is on the cloud-init
 * drive, and the guest reads it when it starts; only a guest agent can tell what it has at this moment.
 */
export function qemuRules({
  api,
  bridge,
  agent,
}: {
  api: Api
  bridge: string | undefined
  agent: boolean
}): NicRules {
  /** What of the network is older on the drive than in the configuration; undefined where this version cannot tell. */
  async function outdated(guest: Guest, signal: AbortSignal): Promise<string[] | undefined> {
    try {
      const entries = await api.get(cloudinit, [...pathOf(guest), 'cloudinit'], signal)
      const open = entries.filter(entry => entry.pending !== undefined || Number(entry.delete ?? 0) > 0)
      return open.map(({ key }) => key).filter(key => /^(net|ipconfig)\d+$/.test(key))
    } catch (error) {
      // Before version 7.3 the drive is written anew at every start.
      if (isFault(error, 'unsupported')) return undefined
      throw error
    }
  }

  return {
    immediate: false,
    addressingOf: (known, index) => parseProps(String(known[`ipconfig${index}`] ?? '')),
    keysOf: index => [`net${index}`, `ipconfig${index}`],

    // Without any address cloud-init falls back to DHCP; there is no way to say "none".
    changed({ index }, addressing) {
      const key = `ipconfig${index}`
      return addressing.size === 0
        ? { set: {}, drop: [key] }
        : { set: { [key]: printProps(addressing) }, drop: [] }
    },

    added(index, like, guest) {
      if (like === undefined && bridge === undefined) {
        const why = `${nameOf(guest)} has no interface net${index}; add one, or set options.bridge for it to be added`
        throw new IpbridgeError('panel_refused', `${api.whom}: ${why}`)
      }
      const hardware = like
        ? another(like.hardware)
        : new Map([
            ['', 'virtio'],
            ['bridge', bridge ?? ''],
            ['firewall', '1'],
          ])
      return {
        hardware,
        addressing: new Map(),
        set: addressing => ({
          [`net${index}`]: printProps(hardware),
          [`ipconfig${index}`]: printProps(addressing),
        }),
      }
    },

    accepts(guest, known) {
      if (hasDrive(known)) return
      const why = `${nameOf(guest)} has no cloud-init drive, so no address can be given to it; add one to the guest or its template`
      throw new IpbridgeError('panel_refused', `${api.whom}: ${why}`)
    },

    async live(guest, signal) {
      if (!agent) return undefined
      try {
        const path = [...pathOf(guest), 'agent', 'network-get-interfaces']
        const { result } = await api.get(agentInterfaces, path, signal)
        return reachable(result.flatMap(({ 'ip-addresses': addresses }) => addresses))
      } catch (error) {
        if (saysNoAgent(error)) return undefined
        throw error
      }
    },

    async settle(guest, known, signal) {
      if (!hasDrive(known)) return
      const before = await outdated(guest, signal)
      if (before === undefined || before.length === 0) return
      await api.change('PUT', [...pathOf(guest), 'cloudinit'], {}, signal)
      const after = (await outdated(guest, signal)) ?? []
      if (after.length === 0) return
      const why = `says that it wrote the cloud-init drive of ${nameOf(guest)}, but on it is still the old ${after.join(', ')}`
      throw new IpbridgeError('panel_unavailable', `${api.whom} ${why}`)
    },
  }
}

function hasDrive(known: Config): boolean {
  const drives = Object.entries(known).filter(([key]) => /^(ide|sata|scsi|virtio)\d+$/.test(key))
  return drives.some(([, value]) => String(value).includes('cloudinit'))
}

/** The guest has no agent, it does not answer yet, or we may not ask it: then only its configuration speaks. */
function saysNoAgent(error: unknown): boolean {
  if (!(error instanceof ProxmoxFault)) return false
  return error.kind === 'unsupported' || error.code === 'access_denied' || /agent/i.test(error.told)
}

/** What an interface has beside its model, of which the key is its hardware address. */
const settings = new Set([
  'bridge',
  'firewall',
  'link_down',
  'macaddr',
  'model',
  'mtu',
  'queues',
  'rate',
  'tag',
  'trunks',
])

/** The same kind of interface at the same place, with a hardware address of its own. */
function another(hardware: Props): Props {
  const model = [...hardware.keys()].find(key => !settings.has(key))
  const kind = hardware.get('model') ?? (model === '' ? hardware.get('') : model) ?? 'virtio'
  const own = { ...(model === undefined ? {} : { [model]: undefined }), model: undefined, macaddr: undefined }
  return new Map([['', kind], ...changedProps(hardware, own)])
}
