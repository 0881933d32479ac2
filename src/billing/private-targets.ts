import { type LookupAddress, type LookupAllOptions, lookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'

/** Addresses that belong to this machine, its network or nobody (IANA's special-purpose registries). */
const special = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  special.addSubnet(network, prefix, 'ipv4')
  // The same network as seen through IPv4 mapped into IPv6, and through NAT64 (RFC 6052).
  special.addSubnet(`::ffff:${network}`, 96 + prefix, 'ipv6')
  special.addSubnet(`64:ff9b::${network}`, 96 + prefix, 'ipv6')
  // And through 6to4 (RFC 3056), which has the IPv4 address behind its first 16 bits.
  special.addSubnet(`2002:${inHex(network)}::`, 16 + prefix, 'ipv6')
}
for (const [network, prefix] of [
  // With the IPv4 addresses that were once written into the last 32 bits.
  ['::', 96],
  // A network's own NAT64 (RFC 8215) leads wherever it likes; Teredo and the discard prefix lead nowhere.
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 32],
  ['fc00::', 7],
  ['fe80::', 9],
  ['ff00::', 8],
] as const) {
  special.addSubnet(network, prefix, 'ipv6')
}

/** `10.0.0.0` as two groups of an IPv6 address: `0a00:0000`. */
function inHex(network: string): string {
  return Buffer.from(network.split('.').map(Number)).toString('hex').replace(/^.{4}/, '$&:')
}

/** Whether an address may only be reached when somebody said so on purpose. */
export function isPrivateTarget(address: string): boolean {
  const version = isIP(address)
  return version === 0 || special.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

/** The target of a request is in a network where it must not go. */
export class PrivateTargetError extends Error {
  override name = 'PrivateTargetError'
  readonly code = 'EPRIVATE'
}

type Callback = (error: Error | null, address: string | LookupAddress[], family?: number) => void

/**
 * `dns.lookup` for requests that must not reach private networks: it looks at the addresses that are then used,
 * so that a name cannot show one address to the check and another to the request.
 */
export function publicLookup(hostname: string, options: unknown, callback: Callback): void {
  const wantsAll = (options as LookupAllOptions | null)?.all === true
  lookup(hostname, { ...(options as object), all: true }, (error, addresses) => {
    if (error) return callback(error, [])
    const refused = addresses.find(({ address }) => isPrivateTarget(address))
    const [first] = addresses
    if (refused || first === undefined) {
      return callback(
        new PrivateTargetError(`${hostname} is at ${refused?.address}, in a private network`),
        [],
      )
    }
    return wantsAll ? callback(null, addresses) : callback(null, first.address, first.family)
  })
}
