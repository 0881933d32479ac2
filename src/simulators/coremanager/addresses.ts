import { isIP } from 'node:net'

/**
 * Addresses as keys that sort: an IPv4 address is its number, an IPv6 address its number beyond all of those.
 * Written here, and not shared with ipbridge, so that a mistake there cannot hide in the same mistake here.
 */
export type Key = bigint

export type Family = 4 | 6

export interface Range {
  first: Key
  last: Key
  family: Family
  /** The length of the mask, where the range was written as a network. */
  prefix?: number
}

/** How a panel spells IPv6 addresses. */
export type Ipv6Spelling = 'short' | 'full' | 'upper'

const v6Base = 1n << 32n
const bits = { 4: 32, 6: 128 } as const

export const familyOf = (key: Key): Family => (key < v6Base ? 4 : 6)

/** Reads an address in any valid spelling; undefined where it is none. */
export function parseKey(text: string): Key | undefined {
  const family = isIP(text)
  if (family === 4) return BigInt(text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0))
  if (family !== 6 || text.includes('%')) return undefined
  return groupsOf(text).reduce((sum, group) => (sum << 16n) + BigInt(group), 0n) + v6Base
}

/** An address as text; IPv6 as RFC 5952 wants it, unless another spelling is asked for. */
export function printKey(key: Key, spelling: Ipv6Spelling = 'short'): string {
  if (key < v6Base) {
    const n = Number(key)
    return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`
  }
  const hex = (key - v6Base).toString(16).padStart(32, '0')
  const groups = hex.match(/.{4}/g) ?? []
  if (spelling === 'full') return groups.join(':')
  const short = shorten(groups.map(group => group.replace(/^0{1,3}/, '')))
  return spelling === 'upper' ? short.toUpperCase() : short
}

/**
 * Reads what the framework's range validator accepts: `a`, `a-b` (no blanks, ascending, one family), `net/mask`.
 * Source: the fact sheet, 2.4.
 */
export function parseRange(text: string): Range | undefined {
  const [from = '', to, ...rest] = text.split(text.includes('/') ? '/' : '-')
  const first = parseKey(from)
  if (first === undefined || rest.length > 0) return undefined
  const family = familyOf(first)
  if (to === undefined) return { first, last: first, family }
  if (text.includes('/')) {
    const prefix = /^\d{1,3}$/.test(to) ? Number(to) : 999
    if (prefix > bits[family]) return undefined
    const size = 1n << BigInt(bits[family] - prefix)
    const base = family === 6 ? v6Base : 0n
    const start = base + ((first - base) / size) * size
    return { first: start, last: start + size - 1n, family, prefix }
  }
  const last = parseKey(to)
  return last === undefined || familyOf(last) !== family || last < first ? undefined : { first, last, family }
}

/** What two ranges have in common. */
export function overlap(a: Range, b: Range): { first: Key; last: Key } | undefined {
  const [, first = a.first] = [a.first, b.first].sort((one, other) => (one < other ? -1 : 1))
  const [last = a.last] = [a.last, b.last].sort((one, other) => (one < other ? -1 : 1))
  return first <= last ? { first, last } : undefined
}

export const contains = (range: Range, key: Key): boolean => range.first <= key && key <= range.last

function groupsOf(text: string): number[] {
  const dotted = text.match(/^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/)
  const plain = dotted
    ? `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
    : text
  const [head = '', tail] = plain.split('::')
  const read = (part: string) => (part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16)))
  const before = read(head)
  const after = read(tail ?? '')
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
}

/** Replaces the first longest run of at least two zero groups by `::`. */
function shorten(groups: string[]): string {
  let best = { at: -1, length: 1 }
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (groups[at + length] === '0') length++
    if (length > best.length) best = { at, length }
    at += length
  }
  if (best.at < 0) return groups.join(':')
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`
}
