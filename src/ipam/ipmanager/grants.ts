import type { CoreManager } from '../../coremanager/client.ts'
import { type Element, fieldOf } from '../../coremanager/document.ts'
import type { Notes } from '../../db/notes.ts'
import type { Turns } from '../../db/turns.ts'
import { type Address, familyName } from '../../domain/address.ts'
import type { Hostname } from '../../domain/hostname.ts'
import { IpbridgeError } from '../../errors.ts'
import type { AddressRequest } from '../driver.ts'
import type { Books } from './books.ts'
import type { Options } from './options.ts'
import { hostOf } from './ptr-marker.ts'
import { refusalOf } from './refusals.ts'
import { addressOf, type Row } from './row.ts'

export interface GrantParts {
  connection: string
  user: CoreManager
  books: Books
  options: Options
  notes: Pick<Notes, 'put'>
  turns: Pick<Turns, 'inTurn'>
}

/** Asks the panel for addresses (facts, section 2.3: `ip.edit` with `sok` and without `elid`). Not idempotent. */
export function createGrants({ connection, user, books, options, notes, turns }: GrantParts) {
  const { names } = options
  const { whom, url } = user.http.target
  const bySearch = options.marker === 'ptr' || names.reply.length === 0
  /** The field of the reply that held the address of the latest grant. */
  let confirmedBy: string | undefined

  /** Tries the groups one after the other: the next one where one is full. */
  async function request(want: AddressRequest, signal: AbortSignal): Promise<Row> {
    const groups = want.pools ?? options.groups
    let refusal: IpbridgeError | undefined
    for (const group of groups.length === 0 ? [undefined] : groups) {
      try {
        return await requestFrom(group, want, signal)
      } catch (error) {
        if (!(error instanceof IpbridgeError) || !passesOn.has(error.code)) throw error
        refusal = refusal?.code === 'pool_exhausted' ? refusal : error
      }
    }
    throw refusal
  }

  async function requestFrom(
    group: string | undefined,
    want: AddressRequest,
    signal: AbortSignal,
  ): Promise<Row> {
    const before = names.reply.length === 0 ? await ownAddresses(signal) : undefined
    const doc = await submit(group, want, signal)
    const address = addressIn(doc) ?? (await addressBySearch(want, before, signal))
    if (options.marker === 'ptr') await notes.put({ connection, address, marker: want.marker })
    return marked(address, want, signal)
  }

  async function submit(
    group: string | undefined,
    want: AddressRequest,
    signal: AbortSignal,
  ): Promise<Element> {
    const { marker, family, requested } = want
    const form = {
      [names.family]: familyName(family),
      [names.ip]: requested ?? '',
      ...(group === undefined ? {} : { [names.group]: group }),
      [names.ptr]: options.marker === 'ptr' ? dotted(hostOf(marker)) : dotted(want.ptr),
      ...(options.marker === 'note' ? { [names.note]: marker } : {}),
    }
    try {
      return await user.change('ip.edit', form, signal)
    } catch (error) {
      const refusal = refusalOf(error, want, { whom, group, options })
      // The panel may also say of an address that somebody has that it is no valid one.
      if (refusal?.code === 'address_outside_pools' && requested !== undefined) {
        const holder = await books.anybodys(requested, signal)
        if (holder) throw new IpbridgeError('address_taken', `${whom} has ${requested} in use already`)
      }
      throw refusal ?? error
    }
  }

  function addressIn(doc: Element): Address | undefined {
    for (const name of names.reply) {
      const address = addressOf(fieldOf(doc, name) ?? '')
      if (address === undefined) continue
      confirmedBy = name
      return address
    }
    return undefined
  }

  /** The reply does not name the address: what carries the marker is it, or else what is new on the list. */
  async function addressBySearch(
    want: AddressRequest,
    before: Set<Address> | undefined,
    signal: AbortSignal,
  ): Promise<Address> {
    const found = await books.find(want.marker, signal)
    if (found) return found.address
    const after = before === undefined ? [] : [...(await ownAddresses(signal))]
    const [one, ...more] = after.filter(address => !before?.has(address))
    if (one !== undefined && more.length === 0) return one
    const why =
      before === undefined
        ? 'neither its answer nor its list says which; set options.names.reply to the field that does, or to nothing, so that lists are compared'
        : `its list has ${more.length === 0 ? 'nothing' : `${more.length + 1} addresses`} new`
    throw new IpbridgeError(
      'ipam_refused',
      `${whom} granted an address, but ${why}; look there for an address that belongs to nobody`,
    )
  }

  async function ownAddresses(signal: AbortSignal): Promise<Set<Address>> {
    const addresses = new Set<Address>()
    for await (const rows of books.all('own', signal)) {
      for (const row of rows) if (row.state === 'held') addresses.add(row.address)
    }
    return addresses
  }

  /** Reads the grant back. One that lost its marker is marked, or given back: nobody would find it again. */
  async function marked(address: Address, { marker }: AddressRequest, signal: AbortSignal): Promise<Row> {
    const row = (await books.own(address, signal)) ?? (await books.find(marker, signal))
    if (row?.address !== address) {
      // Not repeated by itself: every try would take one more.
      throw new IpbridgeError('ipam_refused', `${whom} says that it granted ${address}, but does not show it`)
    }
    if (row.marker === marker) return row
    if (row.marker !== undefined) {
      throw new IpbridgeError('ipam_refused', `${whom} granted ${address}, which is marked as ${row.marker}`)
    }
    await user.change('ip.edit', { elid: address, [names.note]: marker }, signal)
    const again = await books.own(address, signal)
    if (again?.marker === marker) return again
    await user.change('ip.delete', { elid: address }, signal)
    throw new IpbridgeError(
      'ipam_refused',
      `${whom} does not keep the note that was written to ${address}, which was given back; set options.marker to ptr`,
    )
  }

  function dotted(name: Hostname | undefined): string {
    if (name === undefined) return ''
    return options.ptrDot ? `${name}.` : name
  }

  return {
    dotted,
    confirmedBy: () => confirmedBy,

    /** Requests that are told apart by what is new on the list go one at a time for each user of the panel. */
    request: (want: AddressRequest, signal: AbortSignal): Promise<Row> =>
      bySearch
        ? turns.inTurn(`request ${user.login} ${url}`, 1, signal, turn => request(want, turn))
        : request(want, signal),
  }
}

/** With these another group is tried. */
const passesOn: ReadonlySet<string> = new Set(['pool_exhausted', 'no_such_pool', 'address_outside_pools'])
