import type { Clock } from '../clock.ts'
import { IpbridgeError } from '../errors.ts'
import type { Log } from '../log.ts'

/** Keeps work from being taken in faster than it is done, for ever. */
export interface Backlog {
  /** @throws overloaded while as many operations wait for a worker as may */
  requireRoom(): Promise<void>
  /** Counts what was just taken in, until the ledger is asked again. */
  add(operations: number): void
}

/** How long a count is good for: counting costs the more the more there is. */
const freshMs = 1_000

/** When whoever was refused may come back. */
const retryAfterMs = 5_000

/** Without a bound. */
export const boundless: Backlog = { requireRoom: async () => {}, add: () => {} }

/**
 * Counts at most once a second, and holds nobody up with it while there was room; other processes are heard of with the
 * next count. Thus the bound can be passed, by what they all take in within a second.
 *
 * @param options.count how many operations wait, up to the given number
 * @param options.most how many may
 */
export function createBacklog(options: {
  count: (upTo: number) => Promise<number>
  most: number
  clock: Clock
  log: Log
}): Backlog {
  const { count, most, clock, log } = options
  let waiting = 0
  let countedAt = Number.NEGATIVE_INFINITY
  let counting: Promise<void> | undefined
  let full = false

  function recount(): Promise<void> {
    counting ??= look().finally(() => {
      counting = undefined
    })
    return counting
  }

  async function look(): Promise<void> {
    waiting = await count(most)
    countedAt = clock.monotonic()
    const wasFull = full
    full = waiting >= most
    if (full && !wasFull) log.warn({ waiting }, 'events are refused until workers have caught up')
    if (wasFull && !full) log.info({ waiting }, 'events are taken in again')
  }

  return {
    async requireRoom() {
      const isOld = clock.monotonic() - countedAt > freshMs
      if (isOld && waiting >= most) await recount()
      // A ledger that is away is told of by the intake itself.
      else if (isOld) recount().catch(() => undefined)
      if (waiting < most) return
      const message = `${most} operations wait for a worker already (IPBRIDGE_MAX_BACKLOG); come back later`
      throw new IpbridgeError('overloaded', message, { retryAfterMs })
    },
    add(operations) {
      waiting += operations
    },
  }
}
