import { attributeOf, type Element, fieldOf, firstField } from '../../coremanager/document.ts'
import { type Address, AddressError, canonicalAddress } from '../../domain/address.ts'
import { type Hostname, HostnameError, normalizeHostname } from '../../domain/hostname.ts'
import { findMarker, type Marker } from '../../domain/marker.ts'
import type { Options } from './options.ts'
import { markerOfHost } from './ptr-marker.ts'

/** What the panel shows of one address, in its list or in its form. */
export interface Row {
  address: Address
  /** As the panel spells it; its lists may be in the order of such text. */
  text: string
  /** The name without the dot; undefined where there is none, or where it is our marker. */
  ptr: Hostname | undefined
  /** In the note, or in place of the PTR. */
  marker: Marker | undefined
  note: string
  group: string | undefined
  owner: string | undefined
  /** Whether somebody has it; `checking` and `blocked`: nobody, but it cannot be handed out (facts, section 2.6). */
  state: 'held' | 'free' | 'checking' | 'blocked'
}

/**
 * Reads a row of the list, or the form of one address.
 * @returns undefined for a row that is about no single address
 */
export function readRow(
  element: Element,
  { names, statuses }: Pick<Options, 'names' | 'statuses'>,
): Row | undefined {
  const text = firstField(element, [names.ip, 'elid']) ?? ''
  const address = addressOf(text)
  if (address === undefined) return undefined
  const name = nameOf(fieldOf(element, names.ptr) ?? '')
  const note = fieldOf(element, names.note) ?? ''
  const inPlaceOfPtr = name === undefined ? undefined : markerOfHost(name)
  const owner = fieldOf(element, names.owner)
  return {
    address,
    text,
    ptr: inPlaceOfPtr === undefined ? name : undefined,
    marker: findMarker(note) ?? inPlaceOfPtr,
    note,
    group: fieldOf(element, names.group) || undefined,
    owner: owner || undefined,
    state: stateOf(fieldOf(element, names.status), owner, statuses),
  }
}

/** The address that a field holds, if it holds one. */
export function addressOf(text: string): Address | undefined {
  try {
    return canonicalAddress(text)
  } catch (error) {
    if (error instanceof AddressError) return undefined
    throw error
  }
}

/** Where the panel tells no status, an address without an owner is nobody's; who sees no owners sees only their own. */
function stateOf(
  status: string | undefined,
  owner: string | undefined,
  known: Options['statuses'],
): Row['state'] {
  if (status) {
    const states = ['free', 'checking', 'blocked'] as const
    return states.find(state => known[state].includes(status)) ?? 'held'
  }
  return owner === '' ? 'free' : 'held'
}

/** A name as we compare it; one that no host may have is kept as it is, so that it can be told. */
function nameOf(text: string): Hostname | undefined {
  const bare = text.replace(/\.$/, '')
  if (bare === '') return undefined
  try {
    return normalizeHostname(bare)
  } catch (error) {
    if (error instanceof HostnameError) return bare.toLowerCase()
    throw error
  }
}

/** Whether a document shows a list, even one without rows. */
export function isList(doc: Element, func: string): boolean {
  const metadata = doc['metadata'] as Element | undefined
  return attributeOf(doc, 'func') === func || attributeOf(metadata, 'type') === 'list'
}
