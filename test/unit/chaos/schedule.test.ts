import { describe, expect, it } from 'vitest'
import { troubles, writeSchedule } from '../../chaos/schedule.ts'
import { createRandom } from '../../simulation/random.ts'

const minutes = (count: number, seed = 1) => writeSchedule(createRandom(seed), count * 60_000)
const times = (kind: RegExp, count: number) =>
  minutes(count).filter(trouble => kind.test(trouble.kind)).length

describe('The schedule of chaos', () => {
  it('is the same for one seed and another for another', () => {
    expect(minutes(5)).toEqual(minutes(5))
    expect(minutes(5)).not.toEqual(minutes(5, 2))
  })

  it('has all kinds of troubles however short it is, in the order of time and within it', () => {
    const short = minutes(0.5)
    expect(new Set(short.map(({ kind }) => kind)).size).toBe(Object.keys(troubles).length)
    expect(short.map(({ at }) => at)).toEqual(short.map(({ at }) => at).sort((a, b) => a - b))
    expect(short.at(-1)?.at).toBeLessThan(30_000)
  })

  it('has at least 60 kills, 10 flushes and 10 restarts of PostgreSQL in a quarter of an hour', () => {
    expect(times(/^kill a/, 15)).toBeGreaterThanOrEqual(60)
    expect(times(/^flush/, 15)).toBeGreaterThanOrEqual(10)
    expect(times(/^stop PostgreSQL/, 15)).toBeGreaterThanOrEqual(10)
  })
})
