import type { Operations } from '../db/operations.ts'
import type { Log } from '../log.ts'
import type { Announcer } from './announcer.ts'

/** Keeps the queue in step with PostgreSQL, which alone knows what there is to do. */
export interface Dispatcher {
  /** One round: takes back what dead workers held, and announces all that is due. @returns how many were announced */
  round(): Promise<number>
  start(): void
  stop(): Promise<void>
}

const batchSize = 1_000

/**
 * @param options.ping throws unless the queue answers; default: it always does
 * @param options.chores what else wants doing every round, such as ending quarantines
 */
export function createDispatcher(options: {
  operations: Pick<Operations, 'recover' | 'due'>
  announcer: Pick<Announcer, 'announce'>
  ping?: () => Promise<unknown>
  log: Log
  intervalMs?: number
  chores?: (() => Promise<unknown>)[]
}): Dispatcher {
  const { operations, announcer, ping = async () => {}, log, intervalMs = 1_000, chores = [] } = options
  let timer: NodeJS.Timeout | undefined
  let underWay: Promise<unknown> = Promise.resolve()
  let stopped = true

  async function round(): Promise<number> {
    const lost = await operations.recover()
    if (lost > 0) log.warn({ operations: lost }, 'took back operations whose worker is gone')
    for (const chore of chores) {
      // One that fails must not keep the others from being done, and operations from being announced.
      await chore().catch(error => log.warn({ err: error }, 'a chore of the dispatcher failed'))
    }
    // What is announced waits longer and longer for the next time: so nothing is announced that nobody can hear.
    await ping()
    let announced = 0
    for (;;) {
      const due = await operations.due(batchSize)
      await announcer.announce(due)
      announced += due.length
      if (due.length < batchSize) return announced
    }
  }

  function schedule(): void {
    if (stopped) return
    timer = setTimeout(() => {
      underWay = round()
        .catch(error => log.warn({ err: error }, 'dispatcher'))
        .finally(schedule)
    }, intervalMs)
  }

  return {
    round,
    start() {
      stopped = false
      schedule()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await underWay
    },
  }
}
