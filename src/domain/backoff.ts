/** How often an operation is tried before it fails for good. */
export const maxAttempts = 10

const firstDelayMs = 1_000
const longestDelayMs = 5 * 60_000

/** Who asks for more than this is asked again all the same: an hour is long for a service without an address. */
const longestAskedMs = 60 * 60_000

/** How much longer than its pause an operation is left to the queue, before the dispatcher tells of it again. */
export const graceMs = 10_000

/**
 * How long to wait before the next try: doubling from one second up to five minutes, of which a random part
 * between a half and the whole is taken, so that operations that failed together do not come back together.
 * Where the other side said when to come back, never before that, up to an hour.
 *
 * @param attempt how many tries have been made, from 1
 * @param random a number from 0 up to 1
 * @param askedMs what the other side asked for (`Retry-After`), in milliseconds
 * @returns milliseconds
 */
export function backoff(attempt: number, random: number, askedMs?: number): number {
  const full = Math.min(firstDelayMs * 2 ** (attempt - 1), longestDelayMs)
  if (askedMs === undefined) return Math.round(full * (0.5 + random / 2))
  const asked = Math.min(Math.max(askedMs, 0), longestAskedMs)
  return Math.round(asked + Math.max(asked / 10, firstDelayMs) * random)
}
