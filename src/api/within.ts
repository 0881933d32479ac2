import { setTimeout as sleep } from 'node:timers/promises'
import { IpbridgeError } from '../errors.ts'

/** Waits for something that may hang, but not for long. @throws unavailable */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const done = new AbortController()
  const late = sleep(ms, undefined, { signal: done.signal, ref: false }).then(
    () => {
      throw new IpbridgeError('unavailable', `no answer within ${ms} ms`)
    },
    () => work,
  )
  try {
    return await Promise.race([work, late])
  } finally {
    done.abort()
  }
}
