import { type Address, AddressError, canonicalAddress } from '../../domain/address.ts'
import { IpbridgeError } from '../../errors.ts'
import type { PanelRow } from '../protocol.ts'
import { isObject, type Json } from './answer.ts'

/** A virtual machine in the list of them. */
export interface HostRow {
  id: string
  name: string
  comment: string
  addresses: Address[]
}

/** An address of a machine. */
export interface IpRow extends PanelRow {
  id: string
}

const markForm = /\[ipb:service:((?:[^%\s\]]|%[0-9A-F]{2})+)\]/

/** Written into a machine's comment, so that it is found again by the service that it was made for. */
export const markOf = (service: string): string => `[ipb:service:${encodeURIComponent(service)}]`

/** The service that a machine was made for, whatever people have written around it. */
export function serviceOf(comment: string): string | undefined {
  const id = markForm.exec(comment)?.[1]
  try {
    return id === undefined ? undefined : decodeURIComponent(id)
  } catch {
    return undefined
  }
}

/** @returns undefined for a row without an id */
export function hostOf(row: Json, whom: string): HostRow | undefined {
  const { id, name, comment, ip4, ip6 } = row
  if (typeof id !== 'number' && typeof id !== 'string') return undefined
  const shown = [ip4, ip6].flatMap(list => (Array.isArray(list) ? list : [])).filter(isObject)
  return {
    id: String(id),
    name: typeof name === 'string' ? name : '',
    comment: typeof comment === 'string' ? comment : '',
    addresses: shown.map(one => addressIn(one, whom)),
  }
}

/** @param noPtr what the panel shows where there is no PTR, beside nothing */
export function ipOf(row: Json, { noPtr, whom }: { noPtr: string; whom: string }): IpRow {
  const { id, domain } = row
  const ptr = typeof domain === 'string' ? domain.toLowerCase().replace(/\.$/, '') : ''
  return {
    id: String(id),
    address: addressIn(row, whom),
    ptr: ptr === '' || ptr === noPtr.toLowerCase() ? undefined : ptr,
  }
}

/** @throws panel_unavailable where there is none: what we do not see must not look as if it were free */
function addressIn({ ip_addr, ip, name }: Json, whom: string): Address {
  const shown = [ip_addr, ip, name].find(value => typeof value === 'string' && value !== '')
  try {
    return canonicalAddress(String(shown ?? '').replace(/\/\d+$/, ''))
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw new IpbridgeError('panel_unavailable', `${whom}: of its addresses, ${error.message}`)
  }
}
