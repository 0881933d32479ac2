import type { Seen } from '../../src/domain/history.ts'
import { IpbridgeError } from '../../src/errors.ts'
import type { Defect } from './broken.ts'
import type { Random } from './random.ts'
import type { Owner, Scheduler } from './scheduler.ts'
import type { Weather } from './weather.ts'

/** What all parts of the simulated world share. */
export interface World {
  scheduler: Scheduler
  random: Random
  /** Changes while the world turns: in the end it is calm. */
  weather: Weather
  /** Until then ipbridge is stopped. */
  offUntil: number
  /** What is wrong with this build, if it is broken on purpose. */
  defect: Defect | undefined
  /** Writes down what can be seen from outside, to be judged. */
  see(seen: Seen): void
  /** Counts what went on, for the figures of a whole run. */
  count(what: string, times?: number): void
  /** Writes a line of the story, if anybody listens. */
  tell(who: string, what: string | (() => string)): void
}

/**
 * The way of a call to another machine. A process that was stopped in the middle has either sent it or sees on its
 * return that it must not any more; what was sent arrives within five seconds or never. That is what the distance
 * between the local deadline and the end of the lease is for. Often it is sent before its process can be stopped: that
 * saves a turn.
 */
export async function callOutside<T>(
  world: World,
  owner: Owner,
  name: string,
  signal: AbortSignal,
  work: () => Promise<T>,
  code: 'ipam' | 'panel',
  onLost?: () => void,
): Promise<T> {
  const { scheduler, random } = world
  const { weather } = world
  if (random.chance(0.5)) {
    await scheduler.turn(random.next() * 5, owner)
    signal.throwIfAborted()
  }
  await scheduler.turn(random.next() * weather.slowMs)
  if (random.chance(weather.refused)) {
    const retryAfterMs = random.chance(0.3) ? random.pick([1_000, 5_000, 60_000]) : undefined
    const wait = retryAfterMs === undefined ? '' : `, come back in ${retryAfterMs / 1000} s`
    world.tell(owner.name, `${name}: the ${code} is busy${wait}`)
    world.count(retryAfterMs === undefined ? 'refusals' : 'refusals with Retry-After')
    await scheduler.turn(1, owner)
    const error = code === 'ipam' ? 'ipam_busy' : 'panel_unavailable'
    throw new IpbridgeError(error, 'busy', retryAfterMs === undefined ? {} : { retryAfterMs })
  }
  let outcome: { result: T } | { error: unknown }
  try {
    outcome = { result: await work() }
  } catch (error) {
    outcome = { error }
  }
  const isLost = random.chance(weather.lost)
  if (isLost) {
    world.count('lost answers')
    onLost?.()
  }
  world.tell(owner.name, () => `${name}: ${shown(outcome)}${isLost ? ', and nobody hears it' : ''}`)
  await back(world, owner, isLost ? 5_000 : undefined, weather.slowMs)
  signal.throwIfAborted()
  if (isLost) throw new IpbridgeError('outcome_unknown', 'no answer', { outcome: 'unknown' })
  if ('error' in outcome) throw outcome.error
  return outcome.result
}

/**
 * The way of an answer. Often it has come before its process can be stopped: that saves a turn.
 * @param often how often it has not; little follows from one that says nothing, such as that there is nothing to claim
 */
export async function back(
  { scheduler, random }: World,
  owner: Owner,
  timeoutMs: number | undefined,
  mostMs: number,
  often = 0.5,
): Promise<void> {
  if (timeoutMs !== undefined) await scheduler.turn(timeoutMs, owner)
  else if (random.chance(often) || owner.frozenUntil > scheduler.now())
    await scheduler.turn(random.next() * mostMs, owner)
}

function shown(outcome: { result: unknown } | { error: unknown }): string {
  if ('error' in outcome)
    return outcome.error instanceof Error ? outcome.error.message : String(outcome.error)
  const { result } = outcome
  if (Array.isArray(result) && result.length > 3) return `${result.length} entries`
  return result === undefined ? 'done' : JSON.stringify(result)
}
