import { nextTick } from 'node:process'
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
  work: Work
}

/** What is to be done; false says that there was nothing to do, so that nothing follows from it. */
type Work = () => unknown

/** What follows from it is a microtask, for a fifth of what `queueMicrotask` costs. */
const settled = Promise.resolve()

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

  function after(ms: number, work: Work, owner?: Owner): void {
    push({ at: now + ms, tie: random.next(), owner, work })
  }

  /** Takes turns until one of them does something. @returns whether one did */
  function next(until: number): boolean {
    for (let turn = heap[0]; turn !== undefined && turn.at <= until; turn = heap[0]) {
      pop()
      const { owner } = turn
      if (owner?.isDead) continue
      if (owner && owner.frozenUntil > turn.at) {
        turn.at = owner.frozenUntil
        push(turn)
        continue
      }
      now = Math.max(now, turn.at)
      if (turn.work() !== false) return true
    }
    return false
  }

  return {
    /** Milliseconds since 1970. */
    now: () => now,

    /** Does something later, unless its owner is dead by then. */
    after,

    /** The same, before anything else of that moment: a process that goes on runs its overdue timers first. */
    timer(ms: number, work: Work, owner: Owner): void {
      push({ at: now + ms, tie: -1, owner, work })
    },

    /** Waits. What its owner awaits goes on no more once it is dead. */
    turn: (ms: number, owner?: Owner): Promise<void> => new Promise(resolve => after(ms, resolve, owner)),

    /** Lets time pass until nothing is to be done any more, or until a moment. */
    run: (until = Number.POSITIVE_INFINITY): Promise<void> =>
      new Promise((resolve, reject) => {
        // After all that follows from a turn, down to where everybody waits again: ticks come after microtasks.
        const goOn = () => nextTick(step)
        function step(): void {
          try {
            if (next(until)) void settled.then(goOn)
            else resolve()
          } catch (error) {
            reject(error)
          }
        }
        void settled.then(goOn)
      }),
  }
}
