import { type Key, printKey } from '../coremanager/addresses.ts'
import type { Memory } from '../remember.ts'
import type { AddressRecord, Row } from './record.ts'

/**
 * A stretch of addresses: one that was touched by itself, or a run of many that follow one pattern and are
 * spelled out only when somebody looks. So a million addresses cost as little as one.
 */
interface Segment {
  first: Key
  count: number
  record: AddressRecord
  run?: {
    /** The number that the pattern gives to the first address. */
    from: number
    domain: Filling
    note: Filling
  }
}

/** A pattern, ready to be filled in with an address and its number. */
type Filling = (n: number, key: Key) => string

/** A run as it was laid down: `{n}`, `{n:12}` (with zeros in front) and `{ip}` in domain and note are filled in. */
export interface Run {
  first: Key
  count: number
  pattern: AddressRecord
  from: number
}

/** Every address that is not free, in address order. */
export function createTable() {
  const segments: Segment[] = []

  const endOf = (segment: Segment): Key => segment.first + BigInt(segment.count)

  /** The place of the first segment that ends beyond the key. */
  function place(key: Key): number {
    let [low, high] = [0, segments.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const segment = segments[middle]
      if (segment !== undefined && endOf(segment) <= key) low = middle + 1
      else high = middle
    }
    return low
  }

  function covering(key: Key): { at: number; segment: Segment } | undefined {
    const at = place(key)
    const segment = segments[at]
    return segment !== undefined && segment.first <= key ? { at, segment } : undefined
  }

  /** What is left of a segment around one of its addresses. */
  function without({ first, count, record, run }: Segment, key: Key): [Segment[], Segment[]] {
    const before = Number(key - first)
    const part = (start: Key, length: number, skipped: number): Segment[] =>
      length === 0
        ? []
        : [{ first: start, count: length, record, ...(run && { run: { ...run, from: run.from + skipped } }) }]
    return [part(first, before, 0), part(key + 1n, count - before - 1, before + 1)]
  }

  return {
    get(key: Key): AddressRecord | undefined {
      const found = covering(key)
      return found && spell(found.segment, key)
    },

    set(key: Key, record: AddressRecord): void {
      const found = covering(key)
      const [before, after] = found ? without(found.segment, key) : [[], []]
      segments.splice(
        found?.at ?? place(key),
        found ? 1 : 0,
        ...before,
        { first: key, count: 1, record },
        ...after,
      )
    },

    delete(key: Key): void {
      const found = covering(key)
      if (found) segments.splice(found.at, 1, ...without(found.segment, key).flat())
    },

    /** Lays down a run where everything is free. Gives false, and does nothing, where something is in the way. */
    fill({ first, count, pattern, from }: Run): boolean {
      const at = place(first)
      const next = segments[at]
      if (next !== undefined && next.first < first + BigInt(count)) return false
      const run = { from, domain: compile(pattern.domain), note: compile(pattern.note) }
      segments.splice(at, 0, { first, count, record: pattern, run })
      return true
    },

    /**
     * The lowest address from `start` to `last` that has no record and that nothing excludes.
     * @param beyond the end of what excludes an address: the first one after it; undefined where nothing does
     */
    firstGap(start: Key, last: Key, beyond: (key: Key) => Key | undefined): Key | undefined {
      let at = place(start)
      for (let key = start; key <= last; ) {
        let segment = segments[at]
        while (segment !== undefined && endOf(segment) <= key) segment = segments[++at]
        const next = segment !== undefined && segment.first <= key ? endOf(segment) : beyond(key)
        if (next === undefined) return key
        key = next
      }
      return undefined
    },

    /** How many addresses have a record of which that is true. Nothing of a pattern may be looked at. */
    count(wanted: (record: AddressRecord) => boolean): number {
      return segments.reduce((sum, { count, record }) => (wanted(record) ? sum + count : sum), 0)
    },

    /**
     * Rows in address order. Owner, group and status of a run are the same throughout, and so whole runs are
     * skipped or counted without a look at their addresses.
     * @param wanted about owner, group and status only
     */
    *rows(wanted: (record: AddressRecord) => boolean, offset = 0): Generator<Row> {
      let skip = offset
      for (const segment of segments) {
        if (!wanted(segment.record)) continue
        if (skip >= segment.count) {
          skip -= segment.count
          continue
        }
        for (let n = skip; n < segment.count; n++) {
          const key = segment.first + BigInt(n)
          yield { key, ...spell(segment, key) }
        }
        skip = 0
      }
    },

    remember(): Memory {
      const before = segments.map(segment => ({ ...segment }))
      return {
        all: before,
        recall: () => void segments.splice(0, Number.POSITIVE_INFINITY, ...before.map(one => ({ ...one }))),
      }
    },

    /** Everything as it is stored: single addresses, and runs unspelled. */
    *stored(): Generator<Row | (Run & { last: Key })> {
      for (const segment of segments) {
        const { first, count, record, run } = segment
        yield run
          ? { first, last: endOf(segment) - 1n, count, pattern: record, from: run.from }
          : { key: first, ...record }
      }
    },
  }
}

export type Table = ReturnType<typeof createTable>

function spell({ first, record, run }: Segment, key: Key): AddressRecord {
  if (!run) return record
  const n = run.from + Number(key - first)
  return { ...record, domain: run.domain(n, key), note: run.note(n, key) }
}

function compile(pattern: string): Filling {
  const parts = pattern.split(/(\{n(?::\d+)?\}|\{ip\})/).map((part): string | Filling => {
    if (part === '{ip}') return (_, key) => printKey(key)
    if (!/^\{n[:}]/.test(part)) return part
    const width = Number(part.slice(3, -1))
    return n => String(n).padStart(width, '0')
  })
  return (n, key) => parts.map(part => (typeof part === 'string' ? part : part(n, key))).join('')
}
