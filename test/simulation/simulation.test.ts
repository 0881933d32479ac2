import { describe, expect, it } from 'vitest'
import { type Defect, defects } from './broken.ts'
import { reportOf } from './report.ts'
import { simulate } from './simulate.ts'

const seeds = 12
const mostSeeds = 200

/** The first seed whose history ends badly, from 1. */
async function firstCaught(defect: Defect): Promise<number | undefined> {
  for (let seed = 1; seed <= mostSeeds; seed++) {
    const { violations } = await simulate({ seed, defect })
    if (violations.length > 0) return seed
  }
  return undefined
}

describe('A simulated history', () => {
  it(`leaves nothing wrong, with any of ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { violations } = await simulate({ seed })
      if (violations.length > 0) expect.fail(await reportOf({ seed }))
    }
  }, 120_000)

  it('is the same every time for one seed', async () => {
    const play = async () => {
      const lines: string[] = []
      await simulate({ seed: 7, onLine: line => lines.push(line) })
      return lines
    }
    const lines = await play()
    expect(lines.length).toBeGreaterThan(1_000)
    expect(await play()).toEqual(lines)
  }, 60_000)
})

describe('The simulation', () => {
  it.each(defects)(
    `catches a build with %s within ${mostSeeds} seeds`,
    async defect => {
      expect(await firstCaught(defect)).toBeDefined()
    },
    300_000,
  )
})
