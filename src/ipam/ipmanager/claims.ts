import type { CoreManager } from '../../coremanager/client.ts'
import type { Notes } from '../../db/notes.ts'
import type { Marker } from '../../domain/marker.ts'
import { IpbridgeError } from '../../errors.ts'
import type { AdoptedRecord, Held } from '../driver.ts'
import type { Books } from './books.ts'
import type { Options } from './options.ts'
import type { Row } from './row.ts'

export interface ClaimParts {
  connection: string
  user: CoreManager
  admin: CoreManager | undefined
  books: Books
  options: Options
  notes: Pick<Notes, 'put'>
}

/** Makes records ours that are held already, but were not granted to us. */
export function createClaims({ connection, user, admin, books, options, notes }: ClaimParts) {
  const { names } = options
  const { whom } = user.http.target

  /** Beside what people have written: their note is theirs. */
  async function mark(
    panel: CoreManager,
    { address, note, marker: before }: Pick<Row, 'address' | 'note' | 'marker'>,
    marker: Marker,
    more: Record<string, string>,
    signal: AbortSignal,
  ): Promise<void> {
    const isNote = options.marker === 'note'
    const ours = before !== undefined && note.includes(before)
    const text = { [names.note]: ours ? note.replace(before, marker) : `${note} ${marker}`.trim() }
    const changes = { ...(isNote ? text : {}), ...more }
    if (Object.keys(changes).length > 0) await panel.change('ip.edit', { elid: address, ...changes }, signal)
    if (!isNote) await notes.put({ connection, address, marker })
  }

  return {
    /** Marks what our user holds. What others hold, or nobody, is left alone: reconciliation tells of it. */
    async adopt(records: readonly AdoptedRecord[], signal: AbortSignal): Promise<void> {
      for (const { address, marker } of records) {
        const row = await books.own(address, signal)
        if (row !== undefined && row.marker === undefined) await mark(user, row, marker, {}, signal)
      }
    },

    /** Marks a record, and hands it to our user where another one of the panel has it. @throws record_not_ours */
    async claim(
      { address, marker, from = [] }: Held & { from?: readonly Marker[] },
      signal: AbortSignal,
    ): Promise<void> {
      signal.throwIfAborted()
      const own = await books.own(address, signal)
      const row = own ?? (await books.anybodys(address, signal))
      if (row === undefined || ![undefined, marker, ...from].includes(row.marker)) {
        const why = row === undefined ? 'is held by nobody' : `is marked with ${row.marker}`
        throw new IpbridgeError('record_not_ours', `${whom}: ${address} ${why}`)
      }
      const owner = own === undefined ? { [names.owner]: user.login } : {}
      if (row.marker !== marker) await mark(admin ?? user, row, marker, owner, signal)
      else if (own === undefined) await (admin ?? user).change('ip.edit', { elid: address, ...owner }, signal)
    },
  }
}
