import pLimit from 'p-limit'
import type { IpamDriver } from './driver.ts'

/**
 * The same driver with at most so many calls under way at once in this process, for an IPAM that cannot take
 * more. Listing is left alone: there is one listing at a time anyway.
 */
export function limited(driver: IpamDriver, most: number): IpamDriver {
  const limit = pLimit(most)
  const { claim } = driver
  return {
    ...driver,
    ...(claim === undefined
      ? {}
      : { claim: (held, signal) => limit(() => guarded(signal, () => claim(held, signal))) }),
    findByMarker: (marker, signal) => limit(() => guarded(signal, () => driver.findByMarker(marker, signal))),
    read: (address, signal) => limit(() => guarded(signal, () => driver.read(address, signal))),
    request: (want, signal) => limit(() => guarded(signal, () => driver.request(want, signal))),
    setPtr: (held, ptr, signal) => limit(() => guarded(signal, () => driver.setPtr(held, ptr, signal))),
    release: (held, signal) => limit(() => guarded(signal, () => driver.release(held, signal))),
  }
}

/** A call that was aborted while it waited for its turn is not made. */
function guarded<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  return call()
}
