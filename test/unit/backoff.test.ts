import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoff } from '../../src/domain/backoff.ts'

describe('The pause before the next try', () => {
  const second = 1_000
  const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

  it('doubles with every try, up to five minutes', () => {
    const longest = Array.from({ length: 10 }, (_, n) => backoff(n + 1, 0.999_999_9))
    expect(longest).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300].map(seconds => seconds * second))
  })

  it('is a random part, at least a half of that', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), share, (attempt, random) => {
        const full = Math.min(second * 2 ** (attempt - 1), 300 * second)
        const pause = backoff(attempt, random)
        return pause >= full / 2 && pause <= full
      }),
    )
    expect(backoff(5, 0)).not.toBe(backoff(5, 0.5))
  })

  it('is never shorter than the other side asked for, and differs from one to the next', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        share,
        fc.integer({ min: 0, max: 3_600_000 }),
        (attempt, random, asked) => backoff(attempt, random, asked) >= asked,
      ),
    )
    expect(backoff(1, 0.9, 30 * second)).toBeGreaterThan(backoff(1, 0.1, 30 * second))
  })

  it('is an hour and a little where the other side asks for more, and never negative', () => {
    expect(backoff(1, 0, 365 * 24 * 3_600 * second)).toBe(3_600 * second)
    expect(backoff(1, 0, -5)).toBe(0)
  })
})
