/** How often an operation is tried before it fails for good. */
export const maxAttempts = 10

const firstDelayMs = 1_000
const longestDelayMs = 5 * 60_000

/**
 * How long to wait before the next try: doubling from one second up to five minutes, of which a random part
 * between a half and the whole is taken, so that operations that failed together do not come back together.
 *
 * @param attempt how many tries have been made, from 1
 * @param random a number from 0 up to 1
 * @returns milliseconds
 */
export function backoff(attempt: number, random: number): number {
  const full = Math.min(firstDelayMs * 2 ** (attempt - 1), longestDelayMs)
  return Math.round(full * (0.5 + random / 2))
}
