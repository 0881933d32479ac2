import { describe, expect, it } from 'vitest'
import { createRush } from '../../src/api/rush.ts'

describe('In a rush', () => {
  function setUp() {
    const clock = { now: 0 }
    const enter = createRush({ patienceMs: 400, now: () => clock.now })
    const ends: (() => void)[] = []
    /** Lets somebody in whose work takes until `ends` says so. */
    const begin = () => enter(() => new Promise<void>(resolve => ends.push(resolve)))
    return { clock, ends, begin }
  }

  it('all who come at once are let in, however many', async () => {
    const { ends, begin } = setUp()
    const all = Promise.all(Array.from({ length: 500 }, begin))
    for (const end of ends) end()
    await all
  })

  it('nobody is let in while ten have waited for too long, until one of them is done', async () => {
    const { clock, ends, begin } = setUp()
    const first = Array.from({ length: 10 }, begin)
    clock.now = 401
    await expect(begin()).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 1_000 })
    ends[0]?.()
    await first[0]
    const next = begin()
    for (const end of ends) end()
    await Promise.all([...first, next])
  })

  it('a few who take long hold up nobody', async () => {
    const { clock, ends, begin } = setUp()
    const slow = Array.from({ length: 9 }, begin)
    clock.now = 10_000
    const next = begin()
    for (const end of ends) end()
    await Promise.all([...slow, next])
  })

  it('who fails leaves his place as well', async () => {
    const clock = { now: 0 }
    const enter = createRush({ patienceMs: 400, now: () => clock.now })
    const fail = () => enter(() => Promise.reject(new Error('the ledger is away')))
    for (let n = 0; n < 20; n++) await expect(fail()).rejects.toThrow('the ledger is away')
    clock.now = 401
    await expect(fail()).rejects.toThrow('the ledger is away')
  })
})
