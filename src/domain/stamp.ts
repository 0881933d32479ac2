/**
 * When something was said, as billing counts: what decides which of two events is the later one, however
 * they were delivered.
 */
export interface Stamp {
  /** The event's `time`, in milliseconds since 1970. */
  t: number
  /** The event's `sequence`: decimal digits. Comparable only within one source. */
  q?: string
  /** The event's `source`. */
  s: string
}

/** Negative, zero or positive as `a` was said before, with or after `b`: by `sequence`, else by `time`. */
export function compareStamps(a: Stamp, b: Stamp): number {
  if (a.q !== undefined && b.q !== undefined && a.s === b.s) {
    const [left, right] = [BigInt(a.q), BigInt(b.q)]
    return left < right ? -1 : left > right ? 1 : 0
  }
  return a.t - b.t
}

/** Whether `a` was said after `b`. Of two stamps that tie, neither is later. */
export function isLater(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return a !== undefined && (b === undefined || compareStamps(a, b) > 0)
}

/**
 * Whether what was given was taken away afterwards. Of a gift and a taking in the same moment the taking is the
 * later one, since only what was given can be taken: many billing cores tell the time to the second.
 */
export function isTakenAway(given: Stamp, taken: Stamp | undefined): boolean {
  return taken !== undefined && !isLater(given, taken)
}

export function latest(a: Stamp, b: Stamp | undefined): Stamp {
  return b !== undefined && isLater(b, a) ? b : a
}

export function sameStamp(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return a?.t === b?.t && a?.q === b?.q && a?.s === b?.s
}
