import { type Address, familyOf } from '../../domain/address.ts'
import type { AddressNetwork } from '../../ipam/driver.ts'
import { addressIn } from './guest.ts'
import { changedProps, type Props } from './props.ts'

/** A network interface of a guest. It holds one IPv4 and one IPv6 address, so more addresses need more interfaces. */
export interface Nic {
  /** The N of `netN`. */
  index: number
  /** `netN`: what it is, and where it is plugged in. */
  hardware: Props
  /** Where its addresses are: `netN` itself for containers, `ipconfigN` for virtual machines. */
  addressing: Props
}

export interface WantedAddress {
  address: Address
  network: AddressNetwork
}

/** Later ones stay pending on a running container until it is restarted. */
const mostNics = 10

const keys = (address: Address) =>
  familyOf(address) === 4 ? { ip: 'ip', gateway: 'gw' } : { ip: 'ip6', gateway: 'gw6' }

/** The addresses that an interface is given: none for `dhcp`, `auto` and `manual`. */
export function addressesOf({ addressing }: Pick<Nic, 'addressing'>): Address[] {
  return [addressing.get('ip'), addressing.get('ip6')].flatMap(text => addressIn(text) ?? [])
}

export function holderOf(nics: Nic[], address: Address): Nic | undefined {
  return nics.find(nic => addressesOf(nic).includes(address))
}

/**
 * Chooses where an address goes: the primary interface if it has none of the family, else one that we added for
 * an address of the other family, else a new one. Interfaces that hold no address are somebody else's business.
 * @param options.taken the indexes that are in use
 * @param options.inherited what the guest has from its template: it gives way
 * @returns undefined where there is no room
 */
export function place(
  nics: Nic[],
  address: Address,
  { primary, taken, inherited }: { primary: number; taken: Set<number>; inherited: Address[] },
): { index: number; nic: Nic | undefined } | undefined {
  const first = nics.find(nic => nic.index === primary)
  if (first === undefined) return { index: primary, nic: undefined }
  const lacks = (nic: Nic) => {
    const held = addressIn(nic.addressing.get(keys(address).ip))
    return held === undefined || inherited.includes(held)
  }
  if (lacks(first)) return { index: primary, nic: first }
  const other = nics.find(
    nic => nic !== first && addressesOf(nic).length > 0 && lacks(nic) && sameSegment(nic, first),
  )
  if (other) return { index: other.index, nic: other }
  const free = Array.from({ length: mostNics }, (_, index) => index).find(index => !taken.has(index))
  return free === undefined ? undefined : { index: free, nic: undefined }
}

function sameSegment({ hardware: a }: Nic, { hardware: b }: Nic): boolean {
  return a.get('bridge') === b.get('bridge') && a.get('tag') === b.get('tag')
}

/** The addressing with the address; the gateway too, unless another interface leads out already. */
export function withAddress(addressing: Props, { address, network }: WantedAddress, nics: Nic[]): Props {
  const { ip, gateway } = keys(address)
  const hasWayOut = nics.some(nic => nic.addressing !== addressing && nic.addressing.has(gateway))
  return changedProps(addressing, {
    [ip]: `${address}/${network.prefix}`,
    [gateway]: hasWayOut ? undefined : network.gateway,
  })
}

export function withoutAddress(addressing: Props, address: Address): Props {
  const { ip, gateway } = keys(address)
  return changedProps(addressing, { [ip]: undefined, [gateway]: undefined })
}
