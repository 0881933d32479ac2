import type { Happening } from './script.ts'
import { type SimulationOptions, simulate } from './simulate.ts'

/**
 * Leaves out of a history that ends badly whatever it ends badly without, in the same way: larger parts first, then
 * smaller ones.
 * @param invariant what must still be violated
 * @param options.tries how many histories are played at the most; default: 300
 */
export async function shrink(
  { tries = 300, ...options }: SimulationOptions & { tries?: number },
  script: readonly Happening[],
  invariant: number | undefined,
): Promise<Happening[]> {
  let kept = [...script]
  let left = tries
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < kept.length && left > 0; ) {
      left -= 1
      const fewer = [...kept.slice(0, from), ...kept.slice(from + size)]
      const { violations } = await simulate({ ...options, script: fewer })
      if (violations.some(violation => violation.invariant === invariant)) kept = fewer
      else from += size
    }
  }
  return kept
}
