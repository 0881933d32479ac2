import { IpbridgeError } from '../errors.ts'
import { childOf, childrenOf, type Element, fieldOf } from './document.ts'

export interface PageOptions {
  /** How many rows to ask for at once. */
  size: number
  /** The field that identifies a row. */
  key: string
}

/** What earlier pages of a list tell of the later ones. */
interface Expected {
  page: number
  /** Rows in a full page: as asked for, or as the panel cuts it down. */
  size: number
  /** First and last key of the pages so far. */
  seen: Set<string>
}

/**
 * Walks the pages of a list (facts, section 1.3: `p_num`, `p_cnt`, `p_elems`), and notices when it is not whole: a
 * page that lacks rows, a page that comes twice, an answer that is no list, a failure on the way. What is missing
 * must never look like what is free. Rows may shift while others come and go: the same row on two neighbouring
 * pages is no fault.
 *
 * @param ask gives the document of a page
 * @param broken makes the error, from the rest of a sentence about the panel
 */
export async function* pagesOf(
  ask: (page: Record<string, string>) => Promise<Element>,
  { size, key, func }: PageOptions & { func: string },
  broken: (why: string) => IpbridgeError,
): AsyncGenerator<Element[]> {
  const expected: Expected = { page: 1, size, seen: new Set() }
  for (; ; expected.page++) {
    const { page } = expected
    const doc = await askFor(page)
    const answered = numberOf(doc, 'p_cnt')
    if (page === 1 && answered !== undefined && answered > 0) expected.size = Math.min(size, answered)
    const rows = childrenOf(doc, 'elem')
    const fault = judgePage(doc, rows, expected, { func, key })
    if (fault) throw broken(`its list ${func} is not whole: ${fault}`)
    if (rows.length > 0) yield rows
    if (isLast(doc, rows, expected)) return
  }

  async function askFor(page: number): Promise<Element> {
    try {
      return await ask({ p_num: `${page}`, p_cnt: `${expected.size}` })
    } catch (error) {
      if (page === 1 || !(error instanceof IpbridgeError)) throw error
      const { code, message, retryAfterMs } = error
      const after = retryAfterMs === undefined ? {} : { retryAfterMs }
      throw new IpbridgeError(code, `page ${page} of the list ${func}: ${message}`, after)
    }
  }
}

/** What is wrong with a page, if anything. */
function judgePage(
  doc: Element,
  rows: Element[],
  { page, size, seen }: Expected,
  { func, key }: { func: string; key: string },
): string | undefined {
  const total = numberOf(doc, 'p_elems')
  if (rows.length === 0 && total === undefined && !isList(doc, func)) return `page ${page} is no list`
  // Some lists come as a whole, whatever page is asked for.
  if (page === 1 && rows.length === total) return undefined
  const number = numberOf(doc, 'p_num')
  if (number !== undefined && number !== page) return `page ${page} was asked for, and page ${number} came`
  if (total !== undefined) {
    const due = Math.max(0, Math.min(size, total - (page - 1) * size))
    if (rows.length !== due) return `page ${page} has ${rows.length} of the ${due} rows that it should have`
  }
  if (rows.length === 0) return undefined
  const ends = `${fieldOf(rows[0], key)} ${fieldOf(rows.at(-1), key)}`
  if (seen.has(ends)) return `page ${page} is one that came before`
  seen.add(ends)
  return undefined
}

function isLast(doc: Element, rows: Element[], { page, size }: Expected): boolean {
  const total = numberOf(doc, 'p_elems')
  if (total === undefined) return rows.length !== size
  return page * size >= total || rows.length >= total
}

/** An empty list has no rows and may have no count, but it says what it is. */
function isList(doc: Element, func: string): boolean {
  return doc['$func'] === func || childOf(doc, 'metadata')?.['$type'] === 'list'
}

function numberOf(doc: Element, name: string): number | undefined {
  const text = fieldOf(doc, name)
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}
