import { describe, expect, it } from 'vitest'
import { createRush } from '../../src/api/rush.ts'

describe('In a rush', () => {
  function setUp() {
    const clock = { ms: 0 }
    const enter = createRush({ targetMs: 250, first: 100, least: 30, most: 1_000, now: () => clock.ms })

    /** Requests that come at once, and are answered together after so long. @returns how many were let in */
    async function wave(requests: number, { took = 0, events = 1 } = {}): Promise<number> {
      const ends: (() => void)[] = []
      const work = () => new Promise<void>(resolve => ends.push(resolve))
      const all = Promise.allSettled(Array.from({ length: requests }, () => enter(events, work)))
      clock.ms += took
      for (const end of ends) end()
      for (const outcome of await all) {
        if (outcome.status === 'fulfilled') continue
        expect(outcome.reason).toMatchObject({ code: 'overloaded', status: 503, retryAfterMs: 1_000 })
      }
      return ends.length
    }

    return { clock, enter, wave }
  }

  /** Goes well until as many are let in as ever are. */
  async function goWell(wave: ReturnType<typeof setUp>['wave']): Promise<void> {
    for (let n = 0; n < 30; n++) await wave(1_000, { took: 10 })
  }

  it('a hundred who come at once are let in, and as long as that goes well more, up to a thousand', async () => {
    const { wave } = setUp()
    expect(await wave(150, { took: 100 })).toBe(100)
    expect(await wave(150, { took: 100 })).toBeGreaterThan(110)
    await goWell(wave)
    expect(await wave(1_500, { took: 100 })).toBe(1_000)
  })

  it('fewer are let in where it took too long: as many as are likely to be answered in time', async () => {
    const { wave } = setUp()
    await goWell(wave)
    await wave(1_000, { took: 2_500 })
    const next = await wave(1_000, { took: 250 })
    expect(next).toBeGreaterThan(50)
    expect(next).toBeLessThan(200)
  })

  it('some are always let in, however long it takes', async () => {
    const { wave } = setUp()
    for (let n = 0; n < 5; n++) await wave(1_000, { took: 60_000 })
    expect(await wave(1_000)).toBe(30)
  })

  it('more are let in as soon as it is fast again', async () => {
    const { wave } = setUp()
    for (let n = 0; n < 5; n++) await wave(1_000, { took: 60_000 })
    await goWell(wave)
    expect(await wave(1_000)).toBe(1_000)
  })

  it('a few who take long hold up nobody, then or later', async () => {
    const { clock, enter, wave } = setUp()
    await goWell(wave)
    let release = () => {}
    const lock = new Promise<void>(resolve => {
      release = resolve
    })
    const slow = Array.from({ length: 30 }, () => enter(1, () => lock))
    clock.ms += 60_000
    expect(await wave(900, { took: 10 })).toBe(900)
    release()
    await Promise.all(slow)
    expect(await wave(1_000)).toBe(1_000)
  })

  it('a long batch counts as a hundred events, and is let in wherever one is', async () => {
    const { wave } = setUp()
    await goWell(wave)
    expect(await wave(20, { events: 1_000, took: 10 })).toBe(10)
    for (let n = 0; n < 5; n++) await wave(1_000, { took: 60_000 })
    expect(await wave(20, { events: 1_000, took: 10 })).toBe(1)
  })

  it('who fails leaves his place as well', async () => {
    const { enter, wave } = setUp()
    await goWell(wave)
    for (let n = 0; n < 2_000; n++) {
      await expect(enter(1, () => Promise.reject(new Error('the ledger is away')))).rejects.toThrow('away')
    }
    expect(await wave(1_000)).toBe(1_000)
  })

  it.each([
    ['a fast machine', { perBatchMs: 10, perEventMs: 0.5 }],
    ['a slow machine', { perBatchMs: 50, perEventMs: 4 }],
  ])('of twice as much as %s can store, half is stored, in time', async (_, { perBatchMs, perEventMs }) => {
    const { clock, enter } = setUp()
    const waiting: (() => void)[] = []
    const times: number[] = []
    const [came, paceMs] = [20_000, perEventMs / 2]
    let batch: (() => void)[] = []
    let busyUntil = 0
    for (let n = 0; n < came; n++) {
      clock.ms = n * paceMs
      if (clock.ms >= busyUntil) {
        for (const end of batch) end()
        // Whoever is answered leaves before the next one comes.
        await new Promise(resolve => setImmediate(resolve))
        batch = waiting.splice(0, 100)
        busyUntil = clock.ms + perBatchMs + batch.length * perEventMs
      }
      const since = clock.ms
      enter(1, () => new Promise<void>(resolve => waiting.push(resolve))).then(
        () => times.push(clock.ms - since),
        () => {},
      )
    }
    const settled = times.slice(times.length / 4).sort((a, b) => a - b)
    expect(settled[Math.floor(settled.length * 0.99)]).toBeLessThan(500)
    expect(times.length / came).toBeGreaterThan(0.3)
  })
})
