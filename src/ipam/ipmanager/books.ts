import type { CoreManager } from '../../coremanager/client.ts'
import { PanelFault, saysGone } from '../../coremanager/fault.ts'
import type { Notes } from '../../db/notes.ts'
import type { Address } from '../../domain/address.ts'
import type { Marker } from '../../domain/marker.ts'
import { noAnswer } from '../../http/failures.ts'
import type { Options } from './options.ts'
import { hostOf } from './ptr-marker.ts'
import { type Row, readRow } from './row.ts'
import { BrokenList, byAddress, byText, OtherOrder, walk } from './walk.ts'

export interface BooksParts {
  /** The id of the connection, under which notes are kept. */
  connection: string
  user: CoreManager
  admin: CoreManager | undefined
  options: Options
  notes: Pick<Notes, 'addressesOf' | 'at' | 'put' | 'remove'>
}

export type Books = ReturnType<typeof createBooks>

/** Looks into what the panel has on its books; changes nothing. */
export function createBooks({ connection, user, admin, options, notes }: BooksParts) {
  const { names, marker: place } = options
  const read = (element: Parameters<typeof readRow>[0]) => readRow(element, options)
  /** Whether the panel's filter has been seen to find a marker. */
  let filterWorks = options.lookup === 'filter'

  /** The markers of rows whose panel has forgotten them, because their real PTR is set. */
  async function noted(rows: Row[]): Promise<Row[]> {
    if (place === 'note') return rows
    const unmarked = rows.filter(row => row.marker === undefined).map(row => row.address)
    const markers = await notes.at(connection, unmarked)
    return rows.map(row => ({ ...row, marker: row.marker ?? markers.get(row.address) }))
  }

  /** The form of one address, as an account sees it; undefined where it sees none, or nobody has it. */
  async function form(panel: CoreManager, address: Address, signal: AbortSignal): Promise<Row | undefined> {
    try {
      const row = read(await panel.read('ip.edit', { elid: address }, signal))
      if (row?.address !== address) {
        throw noAnswer(user.http.target, `asked for ${address}, it showed something else`, false)
      }
      return row.state === 'held' ? (await noted([row]))[0] : undefined
    } catch (error) {
      if (error instanceof PanelFault && saysGone(error.fault, names.ip)) return undefined
      throw error
    }
  }

  /** A whole list in the order of addresses, page by page. */
  async function* pages(
    panel: CoreManager,
    filter: Record<string, string>,
    signal: AbortSignal,
  ): AsyncGenerator<Row[]> {
    const sorted = { filter: 'off', p_sort: names.ip, p_order: 'asc', ...filter }
    const ask = ({ number, size }: { number: number; size: number }) =>
      panel.read('ip', { ...sorted, p_num: `${number}`, p_cnt: `${size}` }, signal)
    const how = { func: 'ip', size: options.pageSize, read }
    let told: Row | undefined
    try {
      for await (const rows of walk(ask, { ...how, order: byAddress })) {
        yield await noted(rows)
        told = rows.at(-1)
      }
    } catch (error) {
      if (!(error instanceof OtherOrder)) throw broken(error)
      const all: Row[] = []
      try {
        for await (const rows of walk(ask, { ...how, order: byText })) all.push(...rows)
      } catch (fault) {
        throw broken(fault)
      }
      const after = told
      all.sort(byAddress)
      yield await noted(after === undefined ? all : all.filter(row => byAddress(row, after) > 0))
    }
  }

  function broken(error: unknown): unknown {
    const { target } = user.http
    if (error instanceof OtherOrder) {
      return noAnswer(
        target,
        'its list is neither in the order of addresses nor in that of their text',
        false,
      )
    }
    if (error instanceof BrokenList) return noAnswer(target, `its list is not whole: ${error.message}`, false)
    return error
  }

  /** Our own rows that the filter finds for a marker. It may be ignored, or find more than was asked for. */
  async function filtered(marker: Marker, signal: AbortSignal): Promise<Row | undefined> {
    const sought = place === 'note' ? { [names.note]: marker } : { [names.ptr]: hostOf(marker) }
    for await (const rows of pages(user, { filter: 'on', ...sought }, signal)) {
      const found = rows.find(row => row.marker === marker && row.state === 'held')
      if (found) return found
    }
    return undefined
  }

  /**
   * Whether a filter that finds nothing may be believed: a mistaken "nothing" would take a second address. It is
   * believed once it has found a marker that is known to be there.
   */
  async function mayFilter(signal: AbortSignal): Promise<boolean> {
    if (filterWorks || options.lookup === 'list') return filterWorks
    for await (const rows of pages(user, {}, signal)) {
      const example = rows.find(row => row.state === 'held' && isFindable(row))
      if (example?.marker === undefined) continue
      if (await filtered(example.marker, signal)) filterWorks = true
      break
    }
    return filterWorks
  }

  /** Whether the panel itself shows the marker, in the field that is searched. */
  const isFindable = (row: Row): boolean =>
    row.marker !== undefined && (place === 'note' ? row.note.includes(row.marker) : row.ptr === undefined)

  return {
    /** An address that the user of the connection holds. */
    own: (address: Address, signal: AbortSignal) => form(user, address, signal),

    /** An address, whoever holds it; without an administrator only we are seen. */
    anybodys: (address: Address, signal: AbortSignal) => form(admin ?? user, address, signal),

    /** All addresses of the connection's user, or all of the panel; those that nobody holds may be among them. */
    all: (whose: 'own' | 'everybodys', signal: AbortSignal) =>
      pages(whose === 'own' ? user : (admin ?? user), {}, signal),

    mayFilter,

    /** Our own address under a marker. */
    async find(marker: Marker, signal: AbortSignal): Promise<Row | undefined> {
      if (place === 'ptr') {
        for (const address of await notes.addressesOf(connection, marker)) {
          const row = await form(user, address, signal)
          if (row?.marker === marker) return row
        }
      }
      if (options.lookup !== 'list') {
        const found = await filtered(marker, signal)
        if (found || (await mayFilter(signal))) return found
      }
      for await (const rows of pages(user, {}, signal)) {
        const found = rows.find(row => row.marker === marker && row.state === 'held')
        if (found) return found
      }
      return undefined
    },
  }
}
