import type { Address } from '../../domain/address.ts'
import { IpbridgeError } from '../../errors.ts'
import type { Api } from './api.ts'
import { isFault } from './fault.ts'
import { addressIn, type Guest, nameOf, pathOf } from './guest.ts'
import { ipset, ipsetEntries } from './shapes.ts'

export type IpFilter = ReturnType<typeof createIpFilter>

const prefix = 'ipfilter-net'

/**
 * The sets `ipfilter-netN` of a guest's firewall: what an interface may send from, where the firewall is on. A set
 * lets through nothing but its entries, so all addresses of the interface must be in it (facts: Proxmox VE firewall).
 */
export function createIpFilter(api: Api) {
  const sets = (guest: Guest) => [...pathOf(guest), 'firewall', 'ipset']

  /** The entries of a set as they are stored, which is how they are named; undefined where there is no set. */
  async function entries(guest: Guest, name: string, signal: AbortSignal): Promise<string[] | undefined> {
    const names = await api.get(ipset, sets(guest), signal)
    if (!names.some(set => set.name === name)) return undefined
    const list = await api.get(ipsetEntries, [...sets(guest), name], signal)
    return list.map(({ cidr }) => cidr)
  }

  async function remove(guest: Guest, path: string[], signal: AbortSignal): Promise<void> {
    try {
      await api.change('DELETE', [...sets(guest), ...path], {}, signal)
    } catch (error) {
      if (!isFault(error, 'absent')) throw error
    }
  }

  async function make(guest: Guest, path: string[], params: Record<string, string>, signal: AbortSignal) {
    try {
      await api.change('POST', [...sets(guest), ...path], params, signal)
    } catch (error) {
      if (!isFault(error, 'exists')) throw error
    }
  }

  return {
    /** Makes sure that the interface may use the addresses; others that it may use stay. */
    async allow(guest: Guest, index: number, addresses: Address[], signal: AbortSignal): Promise<void> {
      const name = `${prefix}${index}`
      const before = await entries(guest, name, signal)
      const missing = (known: string[]) =>
        addresses.filter(address => !known.map(addressIn).includes(address))
      if (before && missing(before).length === 0) return
      if (before === undefined) await make(guest, [], { name }, signal)
      const begun = before ?? (await entries(guest, name, signal)) ?? notDone(guest, name, addresses)
      for (const address of missing(begun)) {
        await make(guest, [name], { cidr: address, comment: 'ipbridge' }, signal)
      }
      const left = missing((await entries(guest, name, signal)) ?? [])
      if (left.length > 0) notDone(guest, name, left)
    },

    /**
     * Takes the address out of every interface's set.
     * @param kept the interfaces that the guest has: the empty sets of others go, for they would lock out a later one
     */
    async forbid(guest: Guest, address: Address, kept: number[], signal: AbortSignal): Promise<void> {
      const names = (await api.get(ipset, sets(guest), signal)).map(set => set.name)
      for (const name of names.filter(each => each.startsWith(prefix))) {
        const known = (await entries(guest, name, signal)) ?? []
        for (const entry of known.filter(each => addressIn(each) === address)) {
          await remove(guest, [name, entry], signal)
        }
        const left = (await entries(guest, name, signal)) ?? []
        if (left.some(entry => addressIn(entry) === address)) {
          const why = `says that it took ${address} out of ${name} of ${nameOf(guest)}, but it is still there`
          throw new IpbridgeError('panel_unavailable', `${api.whom} ${why}`)
        }
        const orphaned = left.length === 0 && !kept.includes(Number(name.slice(prefix.length)))
        if (orphaned) await remove(guest, [name], signal)
      }
    },
  }

  function notDone(guest: Guest, name: string, addresses: Address[]): never {
    const why = `says that it let ${nameOf(guest)} use ${addresses.join(', ')}, but that is not in its set ${name}`
    throw new IpbridgeError('panel_unavailable', `${api.whom} ${why}`)
  }
}
