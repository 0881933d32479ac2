import { sqlState } from '../db/client.ts'
import { IpbridgeError } from '../errors.ts'
import { mostItems } from './filters.ts'

/** One page of a list. */
export interface Page<T> {
  items: T[]
  /** Gives the next page; null on the last one. */
  next: string | null
}

export interface PageQuery {
  limit?: number | undefined
  cursor?: string | undefined
}

const usualItems = 100

/**
 * Reads one page with one item more than asked for, which tells whether there is another page.
 * @param read gives up to `take` items that come after the key
 * @param keyOf what identifies an item within the order of the list
 */
export async function page<Row, T>(
  query: PageQuery,
  read: (after: string | undefined, take: number) => Promise<Row[]>,
  keyOf: (row: Row) => string,
  present: (row: Row) => T,
): Promise<Page<T>> {
  const limit = Math.min(query.limit ?? usualItems, mostItems)
  const rows = await read(decode(query.cursor), limit + 1).catch(error => {
    throw query.cursor !== undefined && isBadKey(error) ? badCursor() : error
  })
  const last = rows.length > limit ? rows[limit - 1] : undefined
  const next = last === undefined ? null : cursorOf(keyOf(last))
  return { items: rows.slice(0, limit).map(present), next }
}

/** The cursor of what comes after a key. */
export function cursorOf(key: string): string {
  return Buffer.from(key).toString('base64url')
}

function decode(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const key = Buffer.from(cursor, 'base64url').toString()
  if (key === '' || Buffer.from(key).toString('base64url') !== cursor) {
    throw badCursor()
  }
  return key
}

/** A key of another list, which the database cannot read as one of this list. */
function isBadKey(error: unknown): boolean {
  return /^22/.test(sqlState(error) ?? '')
}

function badCursor(): IpbridgeError {
  return new IpbridgeError('invalid_request', 'the cursor is not one that this list has given', {
    faults: [{ pointer: '/cursor', message: 'take it from `next` of the page before' }],
  })
}
