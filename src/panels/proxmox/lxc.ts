import { IpbridgeError } from '../../errors.ts'
import type { Api } from './api.ts'
import { isFault } from './fault.ts'
import { nameOf, pathOf, reachable } from './guest.ts'
import type { NicRules } from './nic-guests.ts'
import { changedProps, parseProps, printProps } from './props.ts'
import { interfaces } from './shapes.ts'

/** What belongs to one interface alone: a further one gets its own. */
const own = {
  hwaddr: undefined,
  ip: undefined,
  ip6: undefined,
  gw: undefined,
  gw6: undefined,
  name: undefined,
}

/**
 * Containers since Proxmox VE 4 (facts: Proxmox VE API, LXC network). The whole of `netN` is written, the hardware
 * address too, or it would be changed. Of a running container the interfaces are asked: when an address could not be
 * added there, the call succeeds all the same.
 */
export function lxcRules({ api, bridge }: { api: Api; bridge: string | undefined }): NicRules {
  return {
    immediate: true,
    addressingOf: (known, index) => parseProps(String(known[`net${index}`])),
    changed: ({ index }, addressing) => ({ set: { [`net${index}`]: printProps(addressing) }, drop: [] }),
    keysOf: index => [`net${index}`],
    accepts() {},

    added(index, like, guest) {
      if (like === undefined && bridge === undefined) {
        const why = `${nameOf(guest)} has no interface net${index}; add one, or set options.bridge for it to be added`
        throw new IpbridgeError('panel_refused', `${api.whom}: ${why}`)
      }
      const hardware = like
        ? changedProps(like.hardware, own)
        : new Map([
            ['bridge', bridge ?? ''],
            ['firewall', '1'],
            ['type', 'veth'],
          ])
      const named = new Map([['name', `eth${index}`], ...hardware])
      return {
        hardware: named,
        addressing: named,
        set: addressing => ({ [`net${index}`]: printProps(addressing) }),
      }
    },

    async live(guest, signal) {
      try {
        const list = await api.get(interfaces, [...pathOf(guest), 'interfaces'], signal)
        return reachable(
          (list ?? []).flatMap(({ inet, inet6, 'ip-addresses': more }) => [inet, inet6, ...more]),
        )
      } catch (error) {
        // Before version 7 there is no such call.
        if (isFault(error, 'unsupported')) return undefined
        throw error
      }
    },
  }
}
