import { type Key, printKey } from '../coremanager/addresses.ts'
import type { AddressRecord, Row } from './record.ts'

/**
 * A stretch of addresses: one that was touched by itself, or a run of many that follow one pattern and are
 * spelled out only when somebody looks. So a million addresses cost as little as one.
 */
interface Segment {
  first: Key
  count: number
  record: AddressRecord
  /** Runs only: the number that the pattern gives to the first address. */
  from?: number
}

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
  function without({ first, count, record, from }: Segment, key: Key): [Segment[], Segment[]] {
    const before = Number(key - first)
    const part = (start: Key, length: number, skipped: number): Segment[] =>
      length === 0
        ? []
        : [{ first: start, count: length, record, ...(from === undefined ? {} : { from: from + skipped }) }]
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
      segments.splice(at, 0, { first, count, record: pattern, from })
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

    /** Everything as it is stored: single addresses, and runs unspelled. */
    *stored(): Generator<Row | (Run & { last: Key })> {
      for (const segment of segments) {
        const { first, count, record, from } = segment
        yield from === undefined
          ? { key: first, ...record }
          : { first, last: endOf(segment) - 1n, count, pattern: record, from }
      }
    },
  }
}

export type Table = ReturnType<typeof createTable>

function spell({ first, record, from }: Segment, key: Key): AddressRecord {
  if (from === undefined) return record
  const n = from + Number(key - first)
  return { ...record, domain: fillIn(record.domain, n, key), note: fillIn(record.note, n, key) }
}

function fillIn(pattern: string, n: number, key: Key): string {
  if (!pattern.includes('{')) return pattern
  return pattern.replace(/\{(?:n(?::(\d+))?|(ip))\}/g, (_, width?: string, ip?: string) =>
    ip === undefined ? String(n).padStart(Number(width ?? 0), '0') : printKey(key),
  )
}
