import { setImmediate } from 'node:timers/promises'
import type { Random } from './random.ts'

/** Whose time it is: a process that can be stopped for a while, or killed. */
export interface Owner {
  name: string
  /** Nothing that it does goes on before this. */
  frozenUntil: number
  isDead: boolean
}

interface Turn {
  at: number
  /** Decides between turns of the same moment. */
  tie: number
  owner: Owner | undefined
  work: () => void
}

export type Scheduler = ReturnType<typeof createScheduler>

/**
 * The only clock of the simulation. Whoever waits takes a turn; the next one is always the earliest, and between
 * those of one moment the random numbers decide: so one seed gives one history.
 * @param start the first moment, in milliseconds since 1970
 */
export function createScheduler(random: Random, start: number) {
  const heap: Turn[] = []
  let now = start

  const isBefore = (a: Turn, b: Turn) => a.at < b.at || (a.at === b.at && a.tie < b.tie)

  function push(turn: Turn): void {
    let i = heap.push(turn) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent] as Turn
      if (!isBefore(turn, above)) break
      heap[i] = above
      i = parent
    }
    heap[i] = turn
  }

  function pop(): Turn | undefined {
    const top = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return top
    let i = 0
    for (;;) {
      const left = 2 * i + 1
      if (left >= heap.length) break
      const right = left + 1
      const child = right < heap.length && isBefore(heap[right] as Turn, heap[left] as Turn) ? right : left
      if (!isBefore(heap[child] as Turn, last)) break
      heap[i] = heap[child] as Turn
      i = child
    }
    heap[i] = last
    return top
  }

  function after(ms: number, work: () => void, owner?: Owner): void {
    push({ at: now + ms, tie: random.next(), owner, work })
  }

  return {
    /** Milliseconds since 1970. */
    now: () => now,

    /** Does something later, unless its owner is dead by then. */
    after,

    /** The same, before anything else of that moment: a process that goes on runs its overdue timers first. */
    timer(ms: number, work: () => void, owner: Owner): void {
      push({ at: now + ms, tie: -1, owner, work })
    },

    /** Waits. What its owner awaits goes on no more once it is dead. */
    turn: (ms: number, owner?: Owner): Promise<void> => new Promise(resolve => after(ms, resolve, owner)),

    /** Lets time pass until nothing is to be done any more, or until a moment. */
    async run(until = Number.POSITIVE_INFINITY): Promise<void> {
      while (heap[0] !== undefined && heap[0].at <= until) {
        const turn = pop() as Turn
        const { owner } = turn
        if (owner?.isDead) continue
        if (owner && owner.frozenUntil > turn.at) {
          push({ ...turn, at: owner.frozenUntil })
          continue
        }
        now = Math.max(now, turn.at)
        turn.work()
        // All that follows from it, down to where everybody waits for a turn again.
        await setImmediate()
      }
    },
  }
}
