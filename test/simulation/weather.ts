import type { Random } from './random.ts'

/** How likely it is that something goes wrong, for each call; in milliseconds how slow it may be. */
export interface Weather {
  /** The IPAM or panel did it, and its answer never arrived. */
  lost: number
  /** It says that it is busy, or away. */
  refused: number
  slowMs: number
  /** It answers from a copy that is up to a second old. */
  stale: number
  /** It grants what it has just granted to somebody else. */
  regrants: number
  /** The panel says that it took an address off, and did not. */
  lies: number
  /** A list of the IPAM leaves out half of what it has. */
  halfLists: number
  /** The ledger cannot be reached, or commits and does not say so. */
  ledgerAway: number
  ledgerLost: number
  /** The queue loses a job, or hands it out twice. */
  forgets: number
  duplicates: number
  queueMs: number
}

export const calm: Weather = {
  lost: 0,
  refused: 0,
  slowMs: 50,
  stale: 0,
  regrants: 0,
  lies: 0,
  halfLists: 0,
  ledgerAway: 0,
  ledgerLost: 0,
  forgets: 0,
  duplicates: 0,
  queueMs: 50,
}

/** Each seed has faults of its own: some often, some seldom, and about a third not at all. */
export function chooseWeather(random: Random): Weather {
  const often = (most: number) => (random.chance(0.35) ? 0 : most * random.next())
  return {
    lost: often(0.2),
    refused: often(0.2),
    slowMs: random.pick([20, 200, 2_000, 4_000]),
    stale: often(0.2),
    regrants: often(0.5),
    lies: often(0.2),
    halfLists: often(0.3),
    ledgerAway: often(0.03),
    ledgerLost: often(0.03),
    forgets: often(0.3),
    duplicates: often(0.4),
    queueMs: random.pick([10, 500, 5_000]),
  }
}
