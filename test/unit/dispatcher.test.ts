import { describe, expect, it } from 'vitest'
import type { Announcement, Operations } from '../../src/db/operations.ts'
import { createLog } from '../../src/log.ts'
import { createDispatcher } from '../../src/queue/dispatcher.ts'

describe('A round of the dispatcher', () => {
  /** A ledger with so many due operations, and whatever was announced of them. */
  function setUp(due: number, chores: (() => Promise<unknown>)[] = [], ping = async () => {}) {
    const announced: string[] = []
    const left: Announcement[] = Array.from({ length: due }, (_, n) => ({
      id: `${n}`,
      kind: 'allocate',
      epoch: 0,
    }))
    const operations = {
      recover: async () => 0,
      due: async (limit: number) => left.splice(0, limit),
    } as Partial<Operations> as Operations
    const announcer = {
      announce: async (batch: Announcement[]) => void announced.push(...batch.map(({ id }) => id)),
      forget: async () => {},
    }
    const dispatcher = createDispatcher({ operations, announcer, ping, log: createLog('silent'), chores })
    return { dispatcher, announced, left }
  }

  it('announces all that is due, however much that is', async () => {
    const { dispatcher, announced } = setUp(2_500)
    expect(await dispatcher.round()).toBe(2_500)
    expect(new Set(announced).size).toBe(2_500)
  })

  it('leaves what is due as it is while the queue is away, and announces it when the queue is back', async () => {
    let isAway = true
    const { dispatcher, announced, left } = setUp(3, [], async () => {
      if (isAway) throw new Error('the queue is away')
    })
    await expect(dispatcher.round()).rejects.toThrow('the queue is away')
    expect([announced, left.length]).toEqual([[], 3])
    isAway = false
    expect(await dispatcher.round()).toBe(3)
  })

  it('does the other chores and announces although one chore fails', async () => {
    const done: string[] = []
    const { dispatcher, announced } = setUp(3, [
      async () => {
        throw new Error('the queue is away')
      },
      async () => done.push('sweep'),
    ])
    expect(await dispatcher.round()).toBe(3)
    expect([done, announced]).toEqual([['sweep'], ['0', '1', '2']])
  })
})
