import { type Element, fieldOf } from '../../coremanager/document.ts'
import { AddressError, canonicalAddress } from '../../domain/address.ts'
import { IpbridgeError } from '../../errors.ts'
import type { PanelRow } from '../protocol.ts'
import type { Wire } from './wire.ts'

/** A guest in the list of guests. */
export interface GuestRow {
  id: string
  /** What the other functions take for it as `elid` or `plid`. */
  element: string
  name: string
}

/** An address in the list of a guest's addresses. */
export interface AddressRow extends PanelRow {
  /** What the other functions take for it as `elid`. */
  key: string
}

/** @returns undefined for a row that names no guest */
export function guestOf(row: Element, wire: Wire): GuestRow | undefined {
  const id = fieldOf(row, wire.id)
  if (!id) return undefined
  return { id, element: fieldOf(row, wire.element) || id, name: fieldOf(row, wire.name) ?? '' }
}

/**
 * @param noPtr what the panel shows where there is no PTR, beside nothing
 * @returns undefined for a row that is a group of addresses, or empty
 * @throws panel_unavailable for a row that cannot be read: what we do not see must not look as if it were free
 */
export function addressOf(
  row: Element,
  wire: Wire,
  { noPtr, whom }: { noPtr: string; whom: string },
): AddressRow | undefined {
  // Facts: ISPsystem docs, DCImanager API: rows of the type `group` are no addresses.
  if (fieldOf(row, 'type') === 'group') return undefined
  const shown = fieldOf(row, wire.ip)
  if (!shown) return undefined
  const ptr = hostnameOf(fieldOf(row, wire.ptr) ?? '')
  return {
    address: read(shown, whom),
    key: fieldOf(row, wire.row) || shown,
    ptr: ptr === '' || ptr === hostnameOf(noPtr) ? undefined : ptr,
  }
}

function read(shown: string, whom: string): string {
  try {
    return canonicalAddress(shown.replace(/\/\d+$/, ''))
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw new IpbridgeError('panel_unavailable', `${whom}: of its addresses, ${error.message}`)
  }
}

/** A PTR as we write it: panels show it with or without its last dot, and in either case. */
function hostnameOf(text: string): string {
  return text.toLowerCase().replace(/\.$/, '')
}
