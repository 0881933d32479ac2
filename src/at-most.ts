import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until the work has ended, but not for longer. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const late = new AbortController()
  await Promise.race([work, sleep(ms, undefined, { signal: late.signal }).catch(() => undefined)])
  late.abort()
}
