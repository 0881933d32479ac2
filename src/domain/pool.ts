import { isIP } from 'node:net'
import { Address4, Address6 } from 'ip-address'
import {
  type Address,
  AddressError,
  canonicalAddress,
  type Family,
  familyOf,
  fromBigInt,
  toBigInt,
} from './address.ts'

/** What an operator says of a pool. */
export interface PoolShape {
  /** A network without host bits, such as 192.0.2.0/24. */
  cidr: string
  gateway?: Address | null
  /** Addresses, ranges `a-b` and networks that are never handed out. */
  exclude?: readonly string[]
}

/** A run of addresses, both ends included. */
export interface Range {
  first: bigint
  last: bigint
}

export class PoolError extends Error {
  override name = 'PoolError'
  readonly field: 'cidr' | 'gateway' | 'exclude'
  constructor(field: PoolError['field'], message: string) {
    super(message)
    this.field = field
  }
}

/** So many ranges is a fresh pool cut into at the most: as many takers can work side by side. */
const mostSegments = 16n
const smallestSegment = 16n

/**
 * The addresses of a pool that may be handed out, and those that never are.
 *
 * Left out are the network and broadcast addresses (not in a /31, RFC 3021, nor a /32), the subnet-router
 * anycast address of IPv6 (RFC 4291 section 2.6.1; not in a /127, RFC 6164, nor a /128), the gateway, and
 * what is excluded.
 * @throws PoolError naming the field
 */
export function usableRanges(shape: PoolShape): { family: Family; ranges: Range[]; reserved: Range[] } {
  const network = parseNetwork(shape.cidr)
  const { family, prefix, first, last } = network
  const reserved: Range[] = []
  const bits = family === 4 ? 32 : 128
  if (prefix < bits - 1) {
    reserved.push({ first, last: first })
    if (family === 4) reserved.push({ first: last, last })
  }
  if (shape.gateway != null) reserved.push(gatewayRange(shape.gateway, network))
  for (const text of shape.exclude ?? []) reserved.push(parseExclusion(text, network))
  const ranges = subtract({ first, last }, reserved)
  return { family, ranges, reserved: subtract({ first, last }, ranges) }
}

/** What changes when a pool is described anew: what is no longer handed out, and what is from now on. */
export function changedRanges(before: PoolShape, after: PoolShape): { closed: Range[]; opened: Range[] } {
  const [old, next] = [usableRanges(before).ranges, usableRanges(after).ranges]
  return {
    closed: old.flatMap(range => subtract(range, next)),
    opened: next.flatMap(range => subtract(range, old)),
  }
}

/** Cuts ranges into about sixteen, so that concurrent requests find one that nobody else is working on. */
export function segments(ranges: readonly Range[]): Range[] {
  const total = countOf(ranges)
  const wanted = total / smallestSegment < mostSegments ? total / smallestSegment || 1n : mostSegments
  const size = (total + wanted - 1n) / wanted
  return ranges.flatMap(range => {
    const cut: Range[] = []
    for (let first = range.first; first <= range.last; first += size) {
      const last = first + size - 1n
      cut.push({ first, last: last < range.last ? last : range.last })
    }
    return cut
  })
}

/** How many addresses the ranges hold. */
export function countOf(ranges: readonly Range[]): bigint {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n)
}

/** What remains of `whole` without `holes`, in ascending order. */
export function subtract(whole: Range, holes: readonly Range[]): Range[] {
  const remaining: Range[] = []
  let next = whole.first
  for (const hole of [...holes].sort((a, b) => (a.first < b.first ? -1 : 1))) {
    if (hole.first > whole.last) break
    if (hole.first > next) remaining.push({ first: next, last: hole.first - 1n })
    if (hole.last >= next) next = hole.last + 1n
  }
  if (next <= whole.last) remaining.push({ first: next, last: whole.last })
  return remaining
}

/** A network in canonical text. @throws PoolError */
export function canonicalNetwork(text: string): string {
  const { family, prefix, first } = parseNetwork(text)
  return `${fromBigInt(first, family)}/${prefix}`
}

/** A network with its mask, which PostgreSQL leaves out where it is that of a single address. */
export function withMask(stored: string): string {
  if (stored.includes('/')) return stored
  return `${stored}/${familyOf(stored) === 4 ? 32 : 128}`
}

interface Network extends Range {
  text: string
  family: Family
  prefix: number
}

function parseNetwork(text: string): Network {
  const [host = '', mask = '', ...rest] = text.split('/')
  const family = isIP(host)
  const bits = family === 4 ? 32 : 128
  if (family === 0 || rest.length > 0 || !/^\d{1,3}$/.test(mask) || Number(mask) > bits) {
    throw new PoolError(
      'cidr',
      `${JSON.stringify(text)} is not a network; give one such as 192.0.2.0/24 or 2001:db8::/64`,
    )
  }
  const network = family === 4 ? new Address4(text) : new Address6(text)
  const first = network.startAddress().bigInt()
  const last = network.endAddress().bigInt()
  const start = network.startAddress().correctForm()
  if (first !== network.bigInt()) {
    throw new PoolError('cidr', `${text} has host bits set; the network is ${start}/${mask}`)
  }
  const found = unassignable.find(
    other => other.family === family && other.first <= last && first <= other.last,
  )
  if (found) throw new PoolError('cidr', `${text} has addresses that no host can have: ${found.text}`)
  return { text, family: family as Family, prefix: Number(mask), first, last }
}

/** Networks whose addresses are never given to hosts. Source: IANA's special-purpose address registries. */
const unassignable = [
  { what: '"this network"', cidr: '0.0.0.0/8' },
  { what: 'loopback', cidr: '127.0.0.0/8' },
  { what: 'link-local', cidr: '169.254.0.0/16' },
  { what: 'multicast and reserved', cidr: '224.0.0.0/3' },
  { what: 'loopback, mapped and reserved', cidr: '::/8' },
  { what: 'link-local', cidr: 'fe80::/10' },
  { what: 'multicast', cidr: 'ff00::/8' },
].map(({ what, cidr }) => {
  const network = cidr.includes(':') ? new Address6(cidr) : new Address4(cidr)
  return {
    text: `${cidr} (${what})`,
    family: network instanceof Address4 ? 4 : 6,
    first: network.startAddress().bigInt(),
    last: network.endAddress().bigInt(),
  }
})

function gatewayRange(text: string, network: Network): Range {
  const gateway = hostIn(text, network, 'gateway')
  return { first: gateway, last: gateway }
}

function parseExclusion(text: string, network: Network): Range {
  const range = text.includes('/') ? networkOf(text) : spanOf(text, network)
  if (range.first < network.first || range.last > network.last || range.first > range.last) {
    throw new PoolError(
      'exclude',
      `${JSON.stringify(text)} is not a range, ascending and within ${network.text}`,
    )
  }
  return range
}

function networkOf(text: string): Range {
  try {
    return parseNetwork(text)
  } catch (error) {
    throw error instanceof PoolError ? new PoolError('exclude', error.message) : error
  }
}

function spanOf(text: string, network: Network): Range {
  const [from = '', to = from, ...rest] = text.split('-').map(part => part.trim())
  if (rest.length > 0)
    throw new PoolError('exclude', `${JSON.stringify(text)} is not an address, a range a-b or a network`)
  return { first: hostIn(from, network, 'exclude'), last: hostIn(to, network, 'exclude') }
}

function hostIn(text: string, network: Network, field: PoolError['field']): bigint {
  try {
    const address = canonicalAddress(text)
    const value = toBigInt(address)
    if (familyOf(address) === network.family && value >= network.first && value <= network.last) return value
  } catch (error) {
    if (error instanceof AddressError) throw new PoolError(field, error.message)
    throw error
  }
  throw new PoolError(field, `${text} is not in ${network.text}`)
}
