import { isIP } from 'node:net'
import { Address4, Address6 } from 'ip-address'
import { type Address, canonicalAddress, familyOf, toBigInt } from '../../domain/address.ts'
import type { AddressNetwork } from '../driver.ts'

/** Consecutive addresses, as rights and networks are written in the panel. */
export interface Range {
  family: 4 | 6
  first: bigint
  last: bigint
}

/**
 * Reads `a`, `a-b` or `net/mask`, which is what the panel's own check of a range accepts (facts, section 2.4).
 * @returns undefined for anything else
 */
export function parseRange(text: string): Range | undefined {
  const [from = '', to = from] = text.split('-').map(part => part.trim())
  if (text.includes('/')) return parseNetwork(text)
  if (isIP(from) === 0 || isIP(from) !== isIP(to)) return undefined
  const [first, last] = [toBigInt(canonicalAddress(from)), toBigInt(canonicalAddress(to))]
  return first <= last ? { family: familyOf(from), first, last } : undefined
}

function parseNetwork(text: string): Range | undefined {
  const family = text.includes(':') ? 6 : 4
  const Network = family === 6 ? Address6 : Address4
  if (!Network.isValid(text)) return undefined
  const network = new Network(text)
  return { family, first: network.startAddress().bigInt(), last: network.endAddress().bigInt() }
}

export function checkNetwork(text: string): boolean {
  return text.includes('/') && parseRange(text) !== undefined
}

export function contains({ family, first, last }: Range, address: Address): boolean {
  if (familyOf(address) !== family) return false
  const value = toBigInt(address)
  return first <= value && value <= last
}

/** Prefix and gateway of an address, where its network was told; of several, the smallest network. */
export function createNetworks(
  told: readonly { cidr: string; gateway?: string | undefined }[],
): (address: Address) => AddressNetwork | undefined {
  const networks = told.flatMap(({ cidr, gateway }) => {
    const range = parseRange(cidr)
    const prefix = Number(cidr.split('/')[1])
    return range ? [{ range, network: { prefix, ...(gateway === undefined ? {} : { gateway }) } }] : []
  })
  networks.sort((a, b) => b.network.prefix - a.network.prefix)
  return address => networks.find(({ range }) => contains(range, address))?.network
}
