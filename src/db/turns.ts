import { setTimeout as sleep } from 'node:timers/promises'
import pLimit, { type LimitFunction } from 'p-limit'
import { IpbridgeError } from '../errors.ts'
import type { Db } from './client.ts'

export type Turns = ReturnType<typeof createTurns>

interface Held {
  seat: number
  fence: bigint
  /** When it was asked for, on the local clock. */
  asked: number
}

/**
 * Takes turns across all workers: at most so many do something of one name at once. A turn is a row with an expiry
 * that its holder renews while it works, so that no transaction is open meanwhile, and a worker that died is waited
 * for no longer than the lease. The fence makes sure that nobody ends or renews a turn that has passed to another.
 *
 * @param options.worker who holds a turn, as shown to operators
 * @param options.leaseMs how long a worker that died is waited for; default: 15 seconds
 */
export function createTurns(db: Db, options: { worker: string; leaseMs?: number }) {
  const { worker, leaseMs = 15_000 } = options
  const waiting = new Map<string, LimitFunction>()
  const prepared = new Set<string>()

  async function prepare(name: string, seats: number): Promise<void> {
    if (prepared.has(`${seats} ${name}`)) return
    await db.$executeRaw`
      insert into turn (name, seat) select ${name}, n from generate_series(1, ${seats}::int) n on conflict do nothing`
    prepared.add(`${seats} ${name}`)
  }

  async function tryTake(name: string, seats: number): Promise<Held | undefined> {
    const asked = performance.now()
    const [row] = await db.$queryRaw<Omit<Held, 'asked'>[]>`
      update turn t
      set fence = t.fence + 1, holder = ${worker}, until = now() + ${leaseMs}::float8 * interval '1 millisecond'
      where (t.name, t.seat) = (
        select q.name, q.seat from turn q
        where q.name = ${name} and q.seat <= ${seats}::int and (q.until is null or q.until <= now())
        order by q.seat limit 1 for update skip locked)
      returning t.seat, t.fence`
    return row && { ...row, asked }
  }

  async function take(name: string, seats: number, signal: AbortSignal): Promise<Held> {
    await prepare(name, seats)
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 50)) {
      signal.throwIfAborted()
      const held = await tryTake(name, seats)
      if (held) return held
      // A random part, so that workers that wait together do not ask together.
      await sleep(pauseMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
    }
  }

  async function renew(name: string, { seat, fence }: Held): Promise<boolean> {
    const renewed = await db.$executeRaw`
      update turn set until = now() + ${leaseMs}::float8 * interval '1 millisecond'
      where name = ${name} and seat = ${seat}::int and fence = ${fence}::bigint and until is not null`
    return renewed === 1
  }

  async function give(name: string, { seat, fence }: Held): Promise<void> {
    await db.$executeRaw`
      update turn set until = null, holder = null
      where name = ${name} and seat = ${seat}::int and fence = ${fence}::bigint`
  }

  /** Does the work while it holds the turn; calls it off when the turn is lost. */
  async function hold<T>(
    name: string,
    held: Held,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const lost = new AbortController()
    // The lease counts from when PostgreSQL grants it, ours from before we asked: ours always ends first.
    let deadline = held.asked + leaseMs * 0.8
    const lose = () => lost.abort(turnLost(name))
    const heartbeat = setInterval(() => {
      const asked = performance.now()
      if (asked > deadline) return lose()
      renew(name, held).then(
        renewed => {
          if (renewed) deadline = asked + leaseMs * 0.8
          else lose()
        },
        () => {},
      )
    }, leaseMs / 3)
    try {
      return await work(AbortSignal.any([signal, lost.signal]))
    } finally {
      clearInterval(heartbeat)
      // Whoever cannot say that it is done is waited for until the lease ends.
      await give(name, held).catch(() => {})
    }
  }

  return {
    /**
     * Waits for a turn, works, and gives it on.
     * @param seats how many may work at once
     * @param work is given a signal that is aborted with the caller's, or when the turn is lost
     */
    async inTurn<T>(
      name: string,
      seats: number,
      signal: AbortSignal,
      work: (signal: AbortSignal) => Promise<T>,
    ): Promise<T> {
      // Within this process one after the other asks, so that a crowd does not ask the database for each turn.
      const key = `${seats} ${name}`
      const queue = waiting.get(key) ?? pLimit(seats)
      waiting.set(key, queue)
      return queue(async () => {
        signal.throwIfAborted()
        const held = await take(name, seats, signal)
        return hold(name, held, signal, work)
      })
    },
  }
}

function turnLost(name: string): IpbridgeError {
  const message = `its turn at ${name} passed to another worker in the middle`
  return new IpbridgeError('outcome_unknown', message, { outcome: 'unknown' })
}
