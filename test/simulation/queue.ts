import type { Announcement } from '../../src/db/operations.ts'
import { jobOf } from '../../src/queue/names.ts'
import type { Ran } from '../../src/queue/runner.ts'
import type { World } from './outside.ts'

/** Whoever takes jobs from the queue. */
export interface Consumer {
  isGone(): boolean
  run(operation: string): Promise<Ran>
}

export type SimulatedQueue = ReturnType<typeof simulatedQueue>

/** A queue as one fears it: it duplicates, reorders, delays, hands out again what runs still, and forgets. */
export function simulatedQueue(world: World, consumers: () => Consumer[]) {
  const { scheduler, random } = world
  /** Jobs by id. One whose id is known is not taken in again. */
  let jobs = new Set<string>()

  function handOut(jobId: string, operation: string): void {
    const mine = jobs
    scheduler.after(random.next() * world.weather.queueMs, () => {
      const isThere = mine.has(jobId)
      if (isThere) void deliver(jobId, operation, mine)
      return isThere
    })
  }

  async function deliver(jobId: string, operation: string, mine: Set<string>): Promise<void> {
    const there = consumers().filter(consumer => !consumer.isGone())
    if (there.length === 0) {
      scheduler.after(1_000, () => handOut(jobId, operation))
      return
    }
    const again = (ms: number) => scheduler.after(ms, () => bring())
    /** Handing out takes its time: for now nothing follows from it. */
    function bring(): false {
      if (mine === jobs) handOut(jobId, operation)
      return false
    }
    // What a dead worker had stalls, and comes again; so does what only seems to have stalled.
    let hasEnded = false
    scheduler.after(30_000, () => (hasEnded ? false : bring()))
    try {
      const ran = await random.pick(there).run(operation)
      hasEnded = true
      if (ran.result === 'retry') again(ran.delayMs)
      else mine.delete(jobId)
    } catch {
      hasEnded = true
      again(1_000)
    }
  }

  return {
    async announce(operations: Announcement[]): Promise<void> {
      for (const operation of operations) {
        const { opts } = jobOf(operation)
        if (jobs.has(opts.jobId)) continue
        if (random.chance(world.weather.forgets)) {
          world.count('jobs that the queue lost')
          continue
        }
        jobs.add(opts.jobId)
        handOut(opts.jobId, operation.id)
        if (random.chance(world.weather.duplicates)) {
          world.count('jobs that came twice')
          handOut(opts.jobId, operation.id)
        }
        // Two that ask for it in the same moment.
        if (random.chance(world.weather.duplicates * 0.2)) {
          const twin = `${opts.jobId}-twin`
          jobs.add(twin)
          handOut(twin, operation.id)
        }
      }
    },

    forget(prefix: string): void {
      for (const id of jobs) if (id.startsWith(prefix)) jobs.delete(id)
    },

    /** Loses everything that is in it. */
    flush(): void {
      world.count('flushes of the queue')
      jobs = new Set()
    },
  }
}
