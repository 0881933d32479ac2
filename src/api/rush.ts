import { IpbridgeError } from '../errors.ts'

/** When whoever was refused may come back. */
const retryAfterMs = 1_000

/** So many may take their time: a batch, or one that waits for a lock, holds up nobody else. */
const mostSlow = 10

/**
 * Lets work begin as long as what began before ends soon. When more comes than can be done, everybody would wait longer
 * and longer: so the rest is refused at once, and those who were let in are answered within about a second.
 *
 * @param patienceMs when ten have waited for longer than this, nobody else is let in
 */
export function createRush({ patienceMs = 250, now = () => performance.now() } = {}) {
  /** When each began, in this order. */
  const under = new Set<{ since: number }>()

  function isBehind(): boolean {
    let slow = 0
    for (const { since } of under) {
      if (now() - since <= patienceMs) return false
      slow += 1
      if (slow === mostSlow) return true
    }
    return false
  }

  /** @throws overloaded where too many wait already */
  return async function enter<T>(work: () => Promise<T>): Promise<T> {
    if (isBehind()) {
      throw new IpbridgeError('overloaded', 'events come faster than they can be stored; come back later', {
        retryAfterMs,
      })
    }
    const mine = { since: now() }
    under.add(mine)
    try {
      return await work()
    } finally {
      under.delete(mine)
    }
  }
}
