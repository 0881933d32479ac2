import { type Element, el } from './element.ts'
import type { ListFault } from './faults.ts'

/** One page of a list, and how many rows the whole has. */
export interface Page {
  total: number
  rows: readonly Element[]
}

export interface PageRequest {
  /** From 0. */
  offset: number
  limit: number
}

export interface Paging {
  /** Rows a page where the caller names no `p_cnt`. */
  pageSize: number
  /** The most rows that a page has, whatever `p_cnt` asks for. */
  largestPage: number
}

/**
 * A list with its paging: `p_num` from 1, `p_cnt` rows a page, `p_elems` in all (the fact sheet, 1.3).
 * @param look gives the rows of a page
 */
export function listPage(
  params: URLSearchParams,
  { pageSize, largestPage }: Paging,
  fault: ListFault | undefined,
  look: (page: PageRequest) => Page,
): Element[] {
  const number = positive(params.get('p_num')) ?? 1
  const size = Math.min(positive(params.get('p_cnt')) ?? pageSize, largestPage)
  const frame = ({ rows, total }: Page) => [
    ...rows,
    el('p_elems', String(total)),
    el('p_num', String(number)),
    el('p_cnt', String(size)),
  ]
  if (fault?.what === 'empty-list') return frame({ total: 0, rows: [] })
  const shown = fault?.what === 'same-page' ? Math.max(number - 1, 1) : number
  const offset = (shown - 1) * size
  const page = look({ offset, limit: size })
  if (fault?.what !== 'half-list') return frame(page)
  const half = Math.ceil(page.total / 2)
  return frame({
    total: fault.admits ? half : page.total,
    rows: page.rows.slice(0, Math.max(half - offset, 0)),
  })
}

function positive(text: string | null): number | undefined {
  return text !== null && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
}
