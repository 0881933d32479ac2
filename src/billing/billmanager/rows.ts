import { attributeOf, childOf, type Element, fieldOf, textOf } from '../../coremanager/document.ts'
import { type Address, AddressError, canonicalAddress, type Family, familyOf } from '../../domain/address.ts'
import { isMainSlot, orderOf } from '../../domain/service-state.ts'
import type { Wire } from './wire.ts'

/** One row of a service's addresses: an address, or the place for one. */
export interface Row {
  id: string
  /** undefined: it is only ordered. */
  address: Address | undefined
  family: Family
  /** Whether it came with the service; others were ordered by themselves. */
  main: boolean
  /** The PTR as it is shown; '' where there is none. */
  domain: string
}

/** Text in the place of an address that is none: the row cannot be used, and must not look empty. */
export class BadRow extends Error {
  override name = 'BadRow'
}

/**
 * Reads a row. Where none of a service's rows says that it is the main one, the first is (`rowsOf`).
 * @returns undefined for a private address
 * @throws BadRow
 */
export function rowOf(element: Element, wire: Wire, privateTypes: RegExp): Row | undefined {
  const type = childOf(element, wire.type)
  // The type is for people: of `$orig` and the text, either may say what it is.
  const kind = `${attributeOf(type, 'orig') ?? ''} ${attributeOf(type, '') ?? textOf(type)}`
  if (privateTypes.test(kind)) return undefined
  const id = fieldOf(element, wire.id)
  if (!id) throw new BadRow('an address has no id')
  const name = fieldOf(element, wire.name) ?? ''
  const address = name === '' ? undefined : addressOf(name)
  return {
    id,
    address,
    family: address === undefined ? (/ipv6/i.test(kind) ? 6 : 4) : familyOf(address),
    main: fieldOf(element, wire.main) === 'on',
    domain: (fieldOf(element, wire.domain) ?? '').replace(/\.$/, '').toLowerCase(),
  }
}

function addressOf(name: string): Address {
  try {
    return canonicalAddress(name)
  } catch (error) {
    if (error instanceof AddressError) throw new BadRow(error.message)
    throw error
  }
}

/** All rows of a service, of which at least one is the main one. */
export function withMain(rows: Row[]): Row[] {
  if (rows.length === 0 || rows.some(row => row.main)) return rows
  return rows.map((row, n) => ({ ...row, main: n === 0 }))
}

/**
 * The row that an address belongs into: the one that has it already; else the one that the slot names (an order's id
 * is the id of its row, and the nth main slot is the nth main row of its family, whatever it holds); else one that
 * waits for an address.
 */
export function rowFor(rows: readonly Row[], slot: string, address: Address): Row | undefined {
  const family = familyOf(address)
  const ofFamily = rows.filter(row => row.family === family)
  const order = orderOf(slot)
  const main = ofFamily.filter(row => row.main)
  return (
    rows.find(row => row.address === address) ??
    (order === undefined ? undefined : rows.find(row => row.id === order && row.family === family)) ??
    (isMainSlot(slot) ? main[mainNumber(slot) - 1] : undefined) ??
    ofFamily.find(row => row.address === undefined && !row.main)
  )
}

/** `main` is the first, `main/2` the second. */
function mainNumber(slot: string): number {
  return slot === 'main' ? 1 : Number(slot.slice('main/'.length))
}
