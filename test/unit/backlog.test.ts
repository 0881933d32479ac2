import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createBacklog } from '../../src/intake/backlog.ts'

/** A backlog of at most ten, on a ledger and a clock that the test sets. */
function stage() {
  const world = { waiting: 0, ms: 0, counts: 0 }
  const backlog = createBacklog({
    count: async upTo => {
      world.counts += 1
      return Math.min(world.waiting, upTo)
    },
    most: 10,
    clock: { now: () => new Date(world.ms), monotonic: () => world.ms },
    log: pino({ level: 'silent' }),
  })
  /** Whether there is room, asked at a time. */
  async function room(ms: number): Promise<boolean> {
    world.ms = ms
    return backlog.requireRoom().then(
      () => true,
      error => {
        expect(error).toMatchObject({ code: 'overloaded', status: 503, retry: 'later', retryAfterMs: 5_000 })
        return false
      },
    )
  }
  return { world, backlog, room }
}

describe('The backlog', () => {
  it('has room until as much waits as may', async () => {
    const { world, room } = stage()
    world.waiting = 9
    expect([await room(0), await room(1)]).toEqual([true, true])
    world.waiting = 10
    expect([await room(1_002), await room(1_003)]).toEqual([true, false])
  })

  it('counts what was taken in since the ledger was asked', async () => {
    const { backlog, room } = stage()
    expect(await room(0)).toBe(true)
    backlog.add(9)
    expect(await room(1)).toBe(true)
    backlog.add(1)
    expect(await room(2)).toBe(false)
  })

  it('has room again as soon as the ledger says so, and is asked once a second for it', async () => {
    const { world, backlog, room } = stage()
    await room(0)
    backlog.add(10)
    world.counts = 0
    expect([await room(100), await room(900), world.counts]).toEqual([false, false, 0])
    expect([await room(1_100), world.counts]).toEqual([true, 1])
  })

  it('holds nobody up, nor anything against those who come, while the ledger is away', async () => {
    const backlog = createBacklog({
      count: () => Promise.reject(new Error('away')),
      most: 10,
      clock: { now: () => new Date(), monotonic: () => 0 },
      log: pino({ level: 'silent' }),
    })
    await expect(backlog.requireRoom()).resolves.toBeUndefined()
  })
})
