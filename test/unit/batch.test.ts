import { describe, expect, it } from 'vitest'
import { batched } from '../../src/db/batch.ts'
import { until } from '../helpers/until.ts'

describe('Concurrent calls', () => {
  /** A statement that doubles numbers: it ends when it is told to, and fails where a number is negative. */
  function setUp(options: { size: number; parallel: number; weight?: (item: number) => number }) {
    const batches: number[][] = []
    const ends: (() => void)[] = []
    const double = batched(async (items: number[]) => {
      batches.push(items)
      await new Promise<void>(resolve => ends.push(resolve))
      if (items.some(item => item < 0)) throw new Error('negative')
      return items.map(item => item * 2)
    }, options)
    const end = async () => (await until('a batch is under way', () => ends.shift()))()
    return { batches, double, end }
  }

  it('made in one turn become one statement, and each gets its own result', async () => {
    const { batches, double, end } = setUp({ size: 10, parallel: 1 })
    const results = Promise.all([1, 2, 3].map(double))
    await end()
    expect(await results).toEqual([2, 4, 6])
    expect(batches).toEqual([[1, 2, 3]])
  })

  it('made while a statement is under way share the next one', async () => {
    const { batches, double, end } = setUp({ size: 10, parallel: 1 })
    const first = double(1)
    await until('the first is under way', () => batches.length === 1)
    const others = Promise.all([double(2), double(3)])
    await end()
    await first
    await end()
    expect(await others).toEqual([4, 6])
    expect(batches).toEqual([[1], [2, 3]])
  })

  it('are cut into statements of a weight, each of one call at least', async () => {
    const { batches, double, end } = setUp({ size: 10, parallel: 1, weight: item => item })
    const results = Promise.all([4, 6, 1, 20, 2].map(double))
    for (let n = 0; n < 4; n++) await end()
    expect(await results).toEqual([8, 12, 2, 40, 4])
    expect(batches).toEqual([[4, 6], [1], [20], [2]])
  })

  it('are cut into statements of a size, so many of them at once', async () => {
    const { batches, double, end } = setUp({ size: 2, parallel: 2 })
    const results = Promise.all([1, 2, 3, 4, 5].map(double))
    await until('two are under way', () => batches.length === 2)
    expect(batches).toEqual([
      [1, 2],
      [3, 4],
    ])
    for (let n = 0; n < 3; n++) await end()
    expect(await results).toEqual([2, 4, 6, 8, 10])
    expect(batches).toHaveLength(3)
  })

  it('are made one by one after a failure, so that only the one at fault sees it', async () => {
    const { batches, double, end } = setUp({ size: 10, parallel: 1 })
    const results = Promise.allSettled([1, -1, 3].map(double))
    for (let n = 0; n < 4; n++) await end()
    expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(batches).toEqual([[1, -1, 3], [1], [-1], [3]])
  })

  it('hear all at once that the database is away', async () => {
    let statements = 0
    const call = batched(
      async (_: number[]): Promise<number[]> => {
        statements += 1
        throw new Error('connect ECONNREFUSED 127.0.0.1:5432')
      },
      { size: 10, parallel: 1 },
    )
    const results = await Promise.allSettled([1, 2, 3].map(call))
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(statements).toBe(1)
  })

  it('go on after a failure', async () => {
    const { double, end } = setUp({ size: 1, parallel: 1 })
    const bad = double(-1).catch((error: Error) => error.message)
    await end()
    expect(await bad).toBe('negative')
    const good = double(1)
    await end()
    expect(await good).toBe(2)
  })
})
