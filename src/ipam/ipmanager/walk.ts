import { childrenOf, type Element, fieldOf } from '../../coremanager/document.ts'
import { compareAddresses } from '../../domain/address.ts'
import { isList, type Row } from './row.ts'

/** Why a list cannot be believed; the rest of a sentence that begins with the list. */
export class BrokenList extends Error {
  override name = 'BrokenList'
}

/** The list is sorted, but not in the order in which it is read. */
export class OtherOrder extends Error {
  override name = 'OtherOrder'
}

export type Order = (a: Row, b: Row) => number

export const byAddress: Order = (a, b) => compareAddresses(a.address, b.address)
export const byText: Order = (a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)

interface Page {
  number: number
  size: number
}

/** How often a page is fetched anew because rows before it went away meanwhile. */
const mostRetreats = 12

/**
 * Reads a sorted list page by page (facts, section 1.3: `p_num`, `p_cnt`, `p_elems`), while others come and go.
 *
 * When an address before a page is freed, all later rows move up, and one of them would fall between two pages and
 * look free. So each page begins no later than with the last row of the one before it; if it does not, rows have
 * moved, and it is fetched from further up. A page that lacks rows, comes twice, or is no list is refused.
 *
 * @param ask gives the document of a page
 * @param read gives the row of an element; undefined for one that is about no address
 * @throws BrokenList, OtherOrder
 */
export async function* walk(
  ask: (page: Page) => Promise<Element>,
  {
    func,
    size,
    order,
    read,
  }: { func: string; size: number; order: Order; read: (element: Element) => Row | undefined },
): AsyncGenerator<Row[]> {
  let page: Page = { number: 1, size }
  let step = size
  let last: Row | undefined
  let retreats = 0
  for (;;) {
    const doc = await ask(page)
    const elements = childrenOf(doc, 'elem')
    const total = numberOf(doc, 'p_elems')
    const cut = numberOf(doc, 'p_cnt')
    if (page.number === 1 && cut !== undefined && cut > 0 && cut < step) {
      step = cut
      page = { number: 1, size: cut }
    }
    const fault = judge(doc, elements, page, total, func)
    if (fault) throw new BrokenList(fault)
    const rows = elements.flatMap(element => read(element) ?? [])
    if (!isAscending(rows, order)) throw new OtherOrder()
    const [first] = rows
    const end = (page.number - 1) * page.size + elements.length

    if (last && page.number > 1 && (first === undefined || order(first, last) > 0)) {
      retreats += 1
      if (retreats > mostRetreats) throw new BrokenList('it changes faster than it can be read')
      page = pageBefore((page.number - 1) * page.size - 2 ** retreats, step)
      continue
    }
    retreats = 0
    const seen = last
    const fresh = seen === undefined ? rows : rows.filter(row => order(row, seen) > 0)
    const isLast = total === undefined ? elements.length < page.size : end >= total
    if (fresh.length > 0) {
      yield fresh
      last = fresh.at(-1)
    } else if (!isLast || !isSame(rows.at(-1), last, order)) {
      throw new BrokenList(`page ${page.number} shows what came before`)
    }
    if (isLast) return
    page = pageBefore(end - 1, step)
  }
}

/**
 * The page that begins at a place, or as little before it as pages of about that size can.
 * @param place from 0
 */
export function pageBefore(place: number, step: number): Page {
  if (place <= 0) return { number: 1, size: step }
  let best: Page = { number: 1, size: step }
  let reach = 0
  for (let size = step; size >= step / 2 && size > 0; size--) {
    const before = Math.floor(place / size)
    const end = (before + 1) * size
    if (end > reach) {
      reach = end
      best = { number: before + 1, size }
    }
  }
  return best
}

function judge(
  doc: Element,
  rows: Element[],
  { number, size }: Page,
  total: number | undefined,
  func: string,
) {
  if (rows.length === 0 && total === undefined && !isList(doc, func)) return `page ${number} is no list`
  // Some lists come as a whole, whatever page is asked for.
  if (number === 1 && rows.length === total) return undefined
  const answered = numberOf(doc, 'p_num')
  if (answered !== undefined && answered !== number)
    return `page ${number} was asked for, and page ${answered} came`
  if (total === undefined) return undefined
  const due = Math.max(0, Math.min(size, total - (number - 1) * size))
  if (rows.length === due) return undefined
  return `page ${number} has ${rows.length} of the ${due} rows that it should have`
}

/** At the end of the list nothing new may come, but then its last row is the one that we have seen last. */
function isSame(a: Row | undefined, b: Row | undefined, order: Order): boolean {
  return a === undefined || b === undefined ? a === b : order(a, b) === 0
}

function isAscending(rows: Row[], order: Order): boolean {
  return rows.every((row, at) => {
    const before = rows[at - 1]
    if (before === undefined) return true
    const difference = order(before, row)
    if (difference === 0) throw new BrokenList(`it has ${row.address} twice`)
    return difference < 0
  })
}

function numberOf(doc: Element, name: string): number | undefined {
  const text = fieldOf(doc, name)
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}
