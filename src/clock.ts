/** Time, as a thing that tests can hold. */
export interface Clock {
  now(): Date
  /** Milliseconds that only ever go forward, also while the process was stopped. */
  monotonic(): number
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
}
