import type { Random } from '../simulation/random.ts'
import { steps } from './clock.ts'

/** What may go wrong, and how often in a minute; each at least once. */
export const troubles = {
  'kill a worker': 4,
  'kill an API': 1.4,
  'freeze a worker for longer than its lease': 1.2,
  'freeze an API': 0.4,
  'flush the queue': 0.8,
  'kill Redis': 0.4,
  'stop and start Redis': 0.3,
  'stop PostgreSQL at once': 0.8,
  'fill the disk of PostgreSQL': 0.25,
  'step the clock of a worker': 1.2,
  'lose answers of the IPAM': 0.5,
  'let the IPAM answer 503': 0.5,
  'slow the IPAM down': 0.3,
  'stop and start the IPAM': 0.3,
  'freeze the IPAM': 0.3,
} as const

export type TroubleKind = keyof typeof troubles

/** Something that is going to go wrong. */
export interface Trouble {
  kind: TroubleKind
  /** Milliseconds after the beginning. */
  at: number
  /** Which one, of those that there are. */
  nth: number
  /** How long it lasts, as a share of what is usual for it: from 0.5 to 1.5. */
  stretch: number
  /** How far a clock is moved. */
  step: string
}

/** Says what is going to go wrong when: each kind as often as it should, spread over the whole time. */
export function writeSchedule(random: Random, spanMs: number): Trouble[] {
  const kinds = Object.entries(troubles) as [TroubleKind, number][]
  return kinds
    .flatMap(([kind, perMinute]) => {
      const count = Math.max(1, Math.round((perMinute * spanMs) / 60_000))
      return Array.from({ length: count }, (_, n): Trouble => {
        const at = ((n + random.next()) / count) * spanMs
        return { kind, at, nth: random.int(1_000), stretch: 0.5 + random.next(), step: random.pick(steps) }
      })
    })
    .sort((a, b) => a.at - b.at)
}
