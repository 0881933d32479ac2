import { shrink } from './shrink.ts'
import { type SimulationOptions, simulate } from './simulate.ts'

/** Tells a history that ended badly, as short as it can be made, so that people can read what went wrong. */
export async function reportOf(options: SimulationOptions): Promise<string> {
  const whole = await simulate(options)
  const script = await shrink(options, whole.script, whole.violations[0]?.invariant)
  const lines: string[] = []
  const { violations } = await simulate({ ...options, script, onLine: line => lines.push(line) })
  const { seed, events = 200, defect } = options
  const again = `npm run simulate -- --seed ${seed} --seeds 1 --events ${events}${defect ? ` --defect "${defect}"` : ''}`
  return [
    `seed ${seed}: of ${whole.script.length} happenings ${script.length} are needed to go wrong`,
    ...lines.map(line => `  ${line}`),
    ...violations.map(({ invariant, message }) => `invariant ${invariant}: ${message}`),
    `again: ${again}`,
  ].join('\n')
}
