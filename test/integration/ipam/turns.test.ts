import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTurns } from '../../../src/db/turns.ts'
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts'
import { until } from '../../helpers/until.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const signal = new AbortController().signal
const workers = (count: number, leaseMs?: number) =>
  Array.from({ length: count }, (_, n) =>
    createTurns(database.db, { worker: `worker ${n}`, ...(leaseMs === undefined ? {} : { leaseMs }) }),
  )

/** Counts how many are at it, at the moment and at the most. */
function counter() {
  const count = { now: 0, most: 0, total: 0 }
  return {
    count,
    async work(): Promise<void> {
      count.now += 1
      count.total += 1
      count.most = Math.max(count.most, count.now)
      // Long enough for others to come in, if they could.
      await database.db.$queryRaw`select count(*) from turn`
      count.now -= 1
    },
  }
}

describe('Turns that several workers take', () => {
  it.each([1, 3])('let at most %i of them work at once', async seats => {
    const { count, work } = counter()
    const calls = workers(4).flatMap(turns =>
      Array.from({ length: 10 }, () => turns.inTurn(`user ${seats}`, seats, signal, work)),
    )
    await Promise.all(calls)
    expect(count).toMatchObject({ now: 0, total: 40 })
    expect(count.most).toBeLessThanOrEqual(seats)
  })

  it('do not concern those of another name', async () => {
    const [turns] = workers(1)
    const inner = turns?.inTurn('a', 1, signal, () => turns.inTurn('b', 1, signal, async () => 'both'))
    expect(await inner).toBe('both')
  })

  it('give what the work gives, and go on after it failed', async () => {
    const [turns] = workers(1)
    const failing = turns?.inTurn('failing', 1, signal, () => Promise.reject(new Error('it failed')))
    await expect(failing).rejects.toThrow('it failed')
    expect(await turns?.inTurn('failing', 1, signal, async () => 7)).toBe(7)
  })

  it('are no longer waited for by those who were called off', async () => {
    const [one, two] = workers(2)
    const abort = new AbortController()
    await one?.inTurn('called off', 1, signal, async () => {
      const second = two?.inTurn('called off', 1, abort.signal, async () => 'never')
      abort.abort(new Error('no longer wanted'))
      await expect(second).rejects.toThrow('no longer wanted')
    })
  })
})

describe('A turn whose holder', () => {
  it('died passes on when its lease is over', async () => {
    await database.db.turn.create({
      data: { name: 'dead', seat: 1, fence: 7, holder: 'gone', until: new Date(Date.now() + 300) },
    })
    const [turns] = workers(1)
    expect(await turns?.inTurn('dead', 1, signal, async () => 'mine')).toBe('mine')
    expect(await database.db.turn.findFirst({ where: { name: 'dead' } })).toMatchObject({
      fence: 8n,
      holder: null,
      until: null,
    })
  })

  it('works on keeps it for longer than a lease', async () => {
    const [one, two] = workers(2, 300)
    let second: Promise<unknown> | undefined
    const order: string[] = []
    await one?.inTurn('long', 1, signal, async () => {
      const before = await database.db.turn.findFirstOrThrow({ where: { name: 'long' } })
      second = two?.inTurn('long', 1, signal, async () => order.push('second'))
      await until('it was renewed after its first lease', async () => {
        const { until } = await database.db.turn.findFirstOrThrow({ where: { name: 'long' } })
        return Number(until) > Number(before.until) + 300
      })
      order.push('first')
    })
    await second
    expect(order).toEqual(['first', 'second'])
  })

  it('lost it to another is told to stop, and does not end the other turn', async () => {
    const [turns] = workers(1, 300)
    const work = turns?.inTurn('lost', 1, signal, async given => {
      await database.db.$executeRaw`
        update turn set fence = fence + 1, holder = 'another', until = now() + interval '1 hour' where name = 'lost'`
      await until('it is told', () => given.aborted)
      throw given.reason
    })
    await expect(work).rejects.toMatchObject({ code: 'outcome_unknown', outcome: 'unknown' })
    expect(await database.db.turn.findFirst({ where: { name: 'lost' } })).toMatchObject({ holder: 'another' })
  })
})
