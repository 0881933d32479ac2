import { describe, expect, it } from 'vitest'
import { controls, type Defect, defects } from './broken.ts'
import { reportOf } from './report.ts'
import { type Simulated, simulate } from './simulate.ts'

/** How many seeds are played; IPBRIDGE_SIMULATED_SEEDS asks for more. */
const seeds = Number(process.env.IPBRIDGE_SIMULATED_SEEDS ?? 12)

/** A broken build must be caught so soon after the seed that is known to catch it. */
const margin = 20

/** The first seed whose history violates an invariant, of some. */
async function firstCaught(
  defect: Defect,
  invariant: number,
  from: number,
  last: number,
): Promise<number | undefined> {
  for (let seed = from; seed <= last; seed++) {
    const { violations } = await simulate({ seed, defect })
    if (violations.some(violation => violation.invariant === invariant)) return seed
  }
  return undefined
}

describe('A simulated history', () => {
  it(
    `leaves nothing wrong, with any of ${seeds} seeds`,
    async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const { violations, events } = await simulate({ seed })
        if (violations.length > 0) expect.fail(await reportOf({ seed }))
        expect(events).toBeGreaterThanOrEqual(200)
      }
    },
    60_000 + seeds * 5_000,
  )

  it('is the same every time for one seed', async () => {
    const play = async () => {
      const lines: string[] = []
      const { counts } = await simulate({ seed: 7, onLine: line => lines.push(line) })
      return { lines, counts }
    }
    const first = await play()
    expect(first.lines.length).toBeGreaterThan(1_000)
    expect(await play()).toEqual(first)
  }, 60_000)

  it('is told in as few happenings as it needs to end badly', async () => {
    const report = await reportOf({ seed: 1, events: 30, defect: 'PTR left behind' })
    const [, all = 0, needed = 0] = /^seed 1: of (\d+) happenings (\d+) are needed/.exec(report) ?? []
    expect(Number(needed)).toBeGreaterThan(0)
    expect(Number(needed)).toBeLessThan(Number(all) / 2)
    expect(report).toContain('invariant 7: ')
    expect(report).toContain('again: npm run simulate -- --seed 1 --seeds 1 --events 30 --defect')
  }, 120_000)
})

describe('The simulation', () => {
  it.each(defects)(
    'catches a build with this defect by the invariant that it breaks: %s',
    async defect => {
      const { invariant, seed } = controls[defect]
      expect(await firstCaught(defect, invariant, seed, seed + margin)).toBeDefined()
    },
    180_000,
  )

  it('makes everything happen that can go wrong', async () => {
    const histories: Simulated[] = []
    for (let seed = 1; seed <= 40; seed++) histories.push(await simulate({ seed }))
    const happened = new Set(histories.flatMap(({ counts }) => Object.keys(counts)))
    expect([...happened]).toEqual(
      expect.arrayContaining([
        'lost answers',
        'refusals with Retry-After',
        'stale reads',
        'addresses granted twice',
        'runs that had lost their fence',
        'jobs that the queue lost',
        'flushes of the queue',
        'stops of everything',
        'conflicts decided by operators',
        'names given by clients',
        'plans applied',
        'changes by hand: remove',
      ]),
    )
  }, 180_000)
})
