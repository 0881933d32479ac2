import type { Address } from '../../domain/address.ts'
import { IpbridgeError } from '../../errors.ts'
import type { Api } from './api.ts'
import { addressIn, type Guest, nameOf, pathOf, reachable } from './guest.ts'
import type { KindOfGuest } from './kind.ts'
import { isRunning } from './running.ts'
import { type Config, config } from './shapes.ts'

/**
 * OpenVZ containers of Proxmox VE 2 and 3 (facts: Proxmox VE API, OpenVZ). `ip_address` is the whole list: what is
 * not in it is taken off the container. Venet lets a container use no other address, so there is nothing to filter.
 */
export function openvzGuests(api: Api): KindOfGuest {
  const read = (guest: Guest, signal: AbortSignal) => api.get(config, [...pathOf(guest), 'config'], signal)

  async function write(
    guest: Guest,
    list: string[],
    { digest }: Config,
    signal: AbortSignal,
  ): Promise<Config> {
    const params = { ip_address: list.join(' '), ...(digest === undefined ? {} : { digest }) }
    await api.change('PUT', [...pathOf(guest), 'config'], params, signal)
    return read(guest, signal)
  }

  return {
    async look(guest, signal) {
      const known = await read(guest, signal)
      return { addresses: reachable(listOf(known)), notes: String(known['description'] ?? '') }
    },

    async give(guest, { address }, _, signal) {
      const before = await read(guest, signal)
      if (!has(before, address)) {
        const after = await write(guest, [...listOf(before), address], before, signal)
        if (!has(after, address))
          notDone(guest, `gave it ${address}, but that is not in its list of addresses`)
      }
      return (await isRunning(api, guest, signal)) ? 'now' : 'on reboot'
    },

    async take(guest, address, signal) {
      const before = await read(guest, signal)
      if (!has(before, address)) return
      const rest = listOf(before).filter(entry => addressIn(entry) !== address)
      const after = await write(guest, rest, before, signal)
      if (has(after, address))
        notDone(guest, `took ${address} off it, but that is still in its list of addresses`)
    },
  }

  function notDone(guest: Guest, what: string): never {
    throw new IpbridgeError('panel_unavailable', `${api.whom} says of ${nameOf(guest)} that it ${what}`)
  }
}

/** The entries as they are stored: some have a prefix length, and each must be sent back as it was. */
function listOf(known: Config): string[] {
  return String(known['ip_address'] ?? '')
    .split(/[\s,;]+/)
    .filter(Boolean)
}

function has(known: Config, address: Address): boolean {
  return listOf(known).some(entry => addressIn(entry) === address)
}
