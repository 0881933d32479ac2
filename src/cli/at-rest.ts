import { setTimeout as sleep } from 'node:timers/promises'
import type { Standing } from '../desk/operations.ts'
import { isAtRest } from '../desk/outcomes.ts'
import type { Session } from './session.ts'

/** How long workers have for taking operations up before this process does it itself. */
const headStartMs = 2_000

/** How many are worked on here at once. */
const atOnce = 20

/**
 * Waits until operations have ended or are parked. What no worker takes up within a moment, because none runs, is
 * done here, in the same way as a worker would; who works on what, PostgreSQL decides.
 *
 * @returns how they stand when all are at rest, or when the time is over
 */
export async function untilAtRest(
  { app, signal }: Session,
  ids: string[],
  timeoutMs: number,
  onLook: (standings: Standing[]) => void = () => undefined,
): Promise<Standing[]> {
  const began = performance.now()
  /** When those that were tried here are to be tried again. */
  const tryAt = new Map<string, number>()
  for (let pause = 20; ; pause = Math.min(pause * 1.5, 250)) {
    signal.throwIfAborted()
    const standings = await app.desk.operations.standing(ids)
    onLook(standings)
    const open = standings.filter(({ state }) => !isAtRest(state))
    const now = performance.now()
    if (open.length === 0 || now - began > timeoutMs) return standings
    const untouched =
      now - began < headStartMs ? [] : open.filter(operation => isFree(operation, now)).slice(0, atOnce)
    await Promise.all(untouched.map(({ id }) => run(id)))
    if (untouched.length === 0) await sleep(pause, undefined, { signal })
  }

  /** Whether nobody works on it, nor has a worker tried it and will try again. */
  function isFree({ id, state, attempts }: Standing, now: number): boolean {
    const due = tryAt.get(id)
    return state === 'queued' && (due === undefined ? attempts === 0 : due <= now)
  }

  async function run(id: string): Promise<void> {
    const ran = await app.runner.run(id, signal)
    // An earlier operation of the same service may have to end first; or it was given back, as when we are to stop.
    const delayMs = ran.result === 'retry' ? ran.delayMs : 250
    tryAt.set(id, performance.now() + delayMs)
  }
}
