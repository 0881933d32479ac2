import { setTimeout as sleep } from 'node:timers/promises'
import { IpbridgeError } from '../errors.ts'
import { exitCodes } from './failure.ts'

/** SIGTERM and SIGINT, as something to wait for. */
export interface StopSignals {
  /** Aborted by the first of them. The second one ends the process at once. */
  readonly signal: AbortSignal
  stopListening(): void
}

const names = ['SIGTERM', 'SIGINT'] as const

export function listenForStop(): StopSignals {
  const controller = new AbortController()
  function onSignal(name: NodeJS.Signals): void {
    if (controller.signal.aborted) process.exit(exitCodes.failed)
    controller.abort(new IpbridgeError('interrupted', `stopped by ${name}`))
  }
  for (const name of names) process.on(name, onSignal)
  return {
    signal: controller.signal,
    stopListening() {
      for (const name of names) process.removeListener(name, onSignal)
    },
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/**
 * Rejects with the signal's reason once it is aborted. The work is given a moment to end by itself, so that what it
 * uses is not closed under it; then it is left.
 */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>, graceMs = 5_000): Promise<T> {
  const leave = aborted(signal).then(() => sleep(graceMs))
  await Promise.race([work.catch(() => undefined), leave])
  signal.throwIfAborted()
  return work
}
