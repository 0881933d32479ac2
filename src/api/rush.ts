import { IpbridgeError } from '../errors.ts'

/** When whoever was refused may come back. */
const retryAfterMs = 1_000

/** A request with more events counts as one with so many: it is stored apart, and holds up others no longer. */
const mostWeight = 100

/**
 * Lets in as many events at once as were lately stored in good time. When more come than can be stored, everybody would
 * wait longer and longer: so the rest is refused at once, and those who were let in are answered soon. How many that
 * are depends on the machine, the database and what else they do: so it is learnt from every answer.
 *
 * @param options.targetMs how long it may take: when it takes longer, fewer are let in at once, else more
 * @param options.first so many events are let in at once until more is known
 * @param options.least so many events are let in at once, however long it takes
 * @param options.most so many at the most
 */
export function createRush({
  targetMs = 300,
  first = 100,
  least = 10,
  most = 1_000,
  now = () => performance.now(),
} = {}) {
  let [room, within] = [first, 0]

  /**
   * What comes of one tells as much as its part of the room.
   * @param together how many events were within while these were, which took so long
   */
  function learn(weight: number, together: number, ms: number): void {
    // A few that take long wait for something else, as for a lock: they do not say how many is too many.
    if (ms > targetMs && together > least) {
      const inTime = Math.min(room, (together * targetMs) / ms)
      room += (inTime - room) * Math.min(1, weight / room)
    } else if (ms <= targetMs && together > room / 2) room += weight / 4
    room = Math.min(Math.max(room, least), most)
  }

  /** @param events how many the work stores @throws overloaded while as many are within as may be */
  return async function enter<T>(events: number, work: () => Promise<T>): Promise<T> {
    if (within >= room) {
      throw new IpbridgeError('overloaded', 'events come faster than they can be stored; come back later', {
        retryAfterMs,
      })
    }
    const weight = Math.min(events, mostWeight)
    within += weight
    const [together, since] = [within, now()]
    try {
      return await work()
    } finally {
      learn(weight, Math.max(together, within), now() - since)
      within -= weight
    }
  }
}
