import type { Memory } from '../remember.ts'

/** One change in the simulator's own books. Entries are only ever added. */
export interface HistoryEntry {
  /** From 1, without gaps. */
  seq: number
  /** ISO 8601. */
  at: string
  what: 'granted' | 'released' | 'changed' | 'checked' | 'blocked'
  ip: string
  /** Who did it: a user of the panel, `drift` (behind everyone's back) or `check`. */
  by: string
  owner: string
  iptype: string
  domain: string
  note: string
}

/** The books of what happened, beside what is. */
export function createHistory(entries: readonly HistoryEntry[], now: () => number) {
  let all = [...entries]
  return {
    add(entry: Omit<HistoryEntry, 'seq' | 'at'>): void {
      all.push({ seq: all.length + 1, at: new Date(now()).toISOString(), ...entry })
    },
    /** Entries after a number, at most so many. */
    read: (after = 0, limit = Number.POSITIVE_INFINITY): HistoryEntry[] =>
      all.slice(after, Math.min(after + limit, all.length)),
    /** Who was given what, and gave it back, is part of what a panel remembers; names are seen in its table. */
    remember(): Memory {
      const before = [...all]
      const moved = before.filter(({ what }) => what !== 'changed')
      return {
        all: moved.map(({ what, ip }) => `${what} ${ip}`),
        recall() {
          all = [...before]
        },
      }
    },
    /** The newest entry of an address of which something is true. */
    last(ip: string, wanted: (entry: HistoryEntry) => boolean): HistoryEntry | undefined {
      return all.findLast(entry => entry.ip === ip && wanted(entry))
    },
  }
}

export type History = ReturnType<typeof createHistory>
