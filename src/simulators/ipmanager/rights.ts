import {
  contains,
  type Family,
  type Key,
  parseKey,
  parseRange,
  type Range,
} from '../coremanager/addresses.ts'
import { levels } from '../coremanager/panel.ts'
import { PanelError } from '../coremanager/panel-error.ts'
import type { Group, IpmanagerUser, Network } from './state.ts'

/** Reads a range of the simulator's own state, where a bad one is a mistake of whoever wrote it. */
export function rangeOf(text: string): Range {
  const range = parseRange(text)
  if (!range) throw new Error(`"${text}" is no address, no a-b range and no net/mask`)
  return range
}

/** A range and the group that addresses are taken into. */
export interface Source {
  range: Range
  iptype: string
}

/** Where a user may take addresses from, and which of them are never handed out. */
export function createRights(networks: readonly Network[], groups: readonly Group[]) {
  const nets = networks.map(({ cidr, gateway }) => ({
    range: rangeOf(cidr),
    gateway: gateway ? parseKey(gateway) : undefined,
  }))

  /** Network and broadcast addresses and gateways are nobody's. */
  function isReserved(key: Key): boolean {
    const net = nets.find(({ range }) => contains(range, key))
    if (!net) return false
    const { first, last, family, prefix = 0 } = net.range
    if (key === net.gateway) return true
    if (key === first) return prefix < (family === 4 ? 31 : 127)
    return key === last && family === 4 && prefix < 31
  }

  return {
    nets,
    isReserved,

    /** The sources that fit a request. @throws value(iptype) where the user may not take from the group */
    sources(user: IpmanagerUser, family: Family, iptype: string | undefined): Source[] {
      const all =
        user.level >= levels.admin
          ? nets.map(({ range }) => ({ range, iptype: iptype ?? groups[0]?.name ?? '' }))
          : user.rights.map(right => ({ range: rangeOf(right.range), iptype: right.iptype }))
      const known =
        user.level >= levels.admin ? groups.map(group => group.name) : user.rights.map(right => right.iptype)
      if (iptype !== undefined && !known.includes(iptype)) {
        throw new PanelError({ type: 'value', object: 'iptype', value: iptype })
      }
      return all.filter(one => one.range.family === family && (iptype === undefined || one.iptype === iptype))
    },

    /**
     * What keeps an address from being handed out: the first one after it.
     * @param hidden ranges that are passed over
     */
    beyond(hidden: readonly Range[]): (key: Key) => Key | undefined {
      return key => {
        const range = hidden.find(one => contains(one, key))
        if (range) return range.last + 1n
        return isReserved(key) ? key + 1n : undefined
      }
    },
  }
}

export type Rights = ReturnType<typeof createRights>
