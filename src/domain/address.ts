import { isIP } from 'node:net'
import { Address4, Address6 } from 'ip-address'

/** An IPv4 or IPv6 host address in canonical text (RFC 5952): equal addresses are equal strings. */
export type Address = string

export type Family = 4 | 6

/** How the outside spells a family. */
export type FamilyName = 'ipv4' | 'ipv6'

/** Text that is not one host address. The message says what was wrong and what is accepted. */
export class AddressError extends Error {
  override name = 'AddressError'
}

/**
 * Brings an address to its canonical text.
 * Refused, because two spellings of one address would be two addresses: masks, zones, leading zeros, short
 * forms, and IPv4 mapped into IPv6.
 */
export function canonicalAddress(input: string): Address {
  const version = isIP(input)
  // `isIP` takes only four numbers without leading zeros: there is no second spelling.
  if (version === 4) return input
  if (version === 6 && !input.includes('%')) {
    const address = new Address6(input)
    if (!isMapped(address)) return address.correctForm()
    throw new AddressError(
      `${quote(input)} is an IPv4 address mapped into IPv6; write it as ${address.to4().correctForm()}`,
    )
  }
  throw new AddressError(
    `${quote(input)} is not an IP address; give one host address without a mask, such as 192.0.2.7 or 2001:db8::7`,
  )
}

export function familyOf(address: Address): Family {
  return address.includes(':') ? 6 : 4
}

export function familyName(family: number): FamilyName {
  return family === 6 ? 'ipv6' : 'ipv4'
}

export function familyFromName(name: FamilyName): Family {
  return name === 'ipv6' ? 6 : 4
}

export function toBigInt(address: Address): bigint {
  return familyOf(address) === 6 ? new Address6(address).bigInt() : new Address4(address).bigInt()
}

export function fromBigInt(value: bigint, family: Family): Address {
  if (family === 6) return Address6.fromBigInt(value).correctForm()
  if (value < 0n || value > 0xffff_ffffn)
    throw new AddressError(`${value} is not the number of an IPv4 address`)
  const number = Number(value)
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
}

/** Orders as PostgreSQL orders `inet`: IPv4 before IPv6, then by value. */
export function compareAddresses(a: Address, b: Address): number {
  const families = familyOf(a) - familyOf(b)
  if (families !== 0) return families
  const [left, right] = [toBigInt(a), toBigInt(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

function isMapped(address: Address6): boolean {
  return address.bigInt() >> 32n === 0xffffn
}

function quote(input: string): string {
  return JSON.stringify(input.length > 60 ? `${input.slice(0, 60)}…` : input)
}
