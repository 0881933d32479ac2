import type { TroubleKind } from './schedule.ts'

/** Something that was done to the system. */
export interface Deed {
  kind: TroubleKind
  /** When it began and when it was over, in milliseconds since 1970. */
  from: number
  to: number
}

export type Journal = ReturnType<typeof createJournal>

/** Writes down what is done to the system, and says so. */
export function createJournal(out: (line: string) => void) {
  const begun = Date.now()
  const deeds: Deed[] = []
  const missing = new Map<TroubleKind, string>()
  const clock = () => new Date(Date.now() - begun).toISOString().slice(14, 21)

  return {
    deeds: deeds as readonly Deed[],
    /** What could not be done on this machine, and why. */
    missing: missing as ReadonlyMap<TroubleKind, string>,
    say: (line: string) => out(`${clock()}  ${line}`),

    async record(kind: TroubleKind, whom: string, work: () => Promise<unknown>): Promise<void> {
      const from = Date.now()
      out(`${clock()}  ${kind}${whom}`)
      await work()
      const to = Date.now()
      deeds.push({ kind, from, to })
      if (to - from > 500) out(`${clock()}  over after ${((to - from) / 1_000).toFixed(1)} s: ${kind}${whom}`)
    },

    /** Says, once, that something cannot be done here. */
    lacks(kind: TroubleKind, why: string): void {
      if (!missing.has(kind)) out(`${clock()}  NOT DONE: ${kind}: ${why}`)
      missing.set(kind, why)
    },
  }
}
