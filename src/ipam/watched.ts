import type { Problem } from '../db/problems.ts'
import { type ErrorCode, IpbridgeError } from '../errors.ts'
import type { IpamDriver } from './driver.ts'

/** Failures that are about the connection as a whole, not about what was asked for. */
const ofTheConnection: ReadonlySet<ErrorCode> = new Set([
  'bad_credentials',
  'access_denied',
  'certificate_expired',
  'certificate_untrusted',
  'wrong_panel',
  'host_not_found',
  'ipam_unavailable',
])

/**
 * The same driver, which tells after each call whether the connection works.
 * @param tell is given what is wrong, or undefined; the call does not wait for it, and does not fail with it
 */
export function watched(
  driver: IpamDriver,
  tell: (problem: Problem | undefined) => Promise<void>,
): IpamDriver {
  function report(error: unknown): void {
    const isOurs = error instanceof IpbridgeError
    if (error !== undefined && !(isOurs && ofTheConnection.has(error.code))) return
    tell(isOurs ? { code: error.code, message: error.message } : undefined).catch(() => {})
  }

  async function seen<T>(call: () => Promise<T>): Promise<T> {
    try {
      const result = await call()
      report(undefined)
      return result
    } catch (error) {
      report(error)
      throw error
    }
  }

  const { adopt, claim } = driver
  return {
    ...driver,
    // Asked anew each time: a driver may learn what it can do.
    get abilities() {
      return driver.abilities
    },
    findByMarker: (marker, signal) => seen(() => driver.findByMarker(marker, signal)),
    read: (address, signal) => seen(() => driver.read(address, signal)),
    request: (want, signal) => seen(() => driver.request(want, signal)),
    setPtr: (held, ptr, signal) => seen(() => driver.setPtr(held, ptr, signal)),
    release: (held, signal) => seen(() => driver.release(held, signal)),
    ...(claim ? { claim: (held, signal) => seen(() => claim(held, signal)) } : {}),
    ...(adopt ? { adopt: (records, signal) => seen(() => adopt(records, signal)) } : {}),
    async check(signal) {
      const result = await driver.check(signal)
      if (result.ok) report(undefined)
      return result
    },
    async *list(signal, after) {
      try {
        yield* driver.list(signal, after)
        report(undefined)
      } catch (error) {
        report(error)
        throw error
      }
    },
  }
}
