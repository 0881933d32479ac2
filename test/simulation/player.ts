import { parentPort, workerData } from 'node:worker_threads'
import { type SimulationOptions, simulate } from './simulate.ts'

/** What one thread plays: every `step`th seed. */
export interface Share extends Omit<SimulationOptions, 'seed' | 'onLine' | 'script'> {
  first: number
  count: number
  step: number
}

/** What it tells of each. */
export interface Played {
  seed: number
  /** The invariants that did not hold. */
  violations: number[]
  events: number
  counts: Record<string, number>
}

const { first, count, step, ...options } = workerData as Share
// Nobody reads them here, and they cost a tenth of the time.
Error.stackTraceLimit = 0
for (let seed = first; seed < first + count; seed += step) {
  const { violations, events, counts } = await simulate({ ...options, seed })
  const played: Played = { seed, violations: violations.map(({ invariant }) => invariant), events, counts }
  parentPort?.postMessage(played)
}
