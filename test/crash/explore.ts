import { expect } from 'vitest'
import type { Story } from './stories.ts'
import type { Moment, World } from './world.ts'

/** What was tried, in numbers. */
export interface Tried {
  /** Effects of the lives in which nobody died. */
  effects: number
  /** Deaths: the first of a story, the second, and all later ones. */
  first: number
  second: number
  later: number
  /** Lives that were played to their end; the other deaths leave what one of these began with. */
  lives: number
}

export const nothingTried = (): Tried => ({ effects: 0, first: 0, second: 0, later: 0, lives: 0 })

/** Whether all first and second deaths are played, also those that leave what another one has left: that takes hours. */
const isRepeated = process.env['IPBRIDGE_TEST_FULL'] === 'repeated'
/** Whether all pairs of an IPAM and a panel are tried. */
export const full = isRepeated || process.env['IPBRIDGE_TEST_FULL'] === '1'

/** More than any story needs: one that comes to this has no end. */
const mostLives = 20_000

interface Start {
  moment: Moment
  /** After what it died, life by life. */
  deaths: readonly string[]
}

/**
 * Tells a story, and tells it anew from every moment at which its process can have died; and again from every moment
 * at which that one can have died; and so on, until no death leaves anything that was not there before. Nothing here
 * is random, and the number of deaths has no limit. Every end is judged by the invariants, and must be the end of the
 * life in which nobody died.
 *
 * Dying after an effect leaves the same as dying before the next one, since what a process knows dies with it; and
 * before the first one it leaves the beginning.
 */
export async function explore(world: World, story: Story, tried: Tried): Promise<void> {
  await world.reset()
  const way = await story.begin(world)
  const beginning = await world.remember()
  const known = new Set([beginning.sameness])
  const judged = new Set<string>()
  const starts: Start[] = [{ moment: beginning, deaths: [] }]
  let end: unknown

  for (const { moment, deaths } of starts) {
    const isFirst = deaths.length === 0
    const where = deaths.map(what => `died after ${what}`).join(', then ')
    const life = await world.live(moment, way, isFirst)
    const missed = world.missed()
    if (missed.length > 0) throw new Error(`there may be an effect that nobody watches: ${missed.join('; ')}`)
    tried.lives += 1
    if (isRepeated || !judged.has(life.end.sameness)) {
      judged.add(life.end.sameness)
      const violations = await world.violations()
      const outcome = await world.outcome()
      end ??= { outcome, violations: story.isLeftAsItWas ? violations : [] }
      expect([where, { outcome, violations }]).toEqual([where, end])
    }
    if (isFirst) tried.effects += life.points.length
    // Before the first effect, and after each.
    const count = life.points.length + 1
    if (deaths.length === 0) tried.first += count
    else if (deaths.length === 1) tried.second += count
    else tried.later += count
    for (const point of life.points) {
      const isPlayed = known.has(point.moment.sameness)
      if (isPlayed && !(isRepeated && deaths.length < 2)) continue
      known.add(point.moment.sameness)
      starts.push({ moment: point.moment, deaths: [...deaths, point.what] })
    }
    if (starts.length > mostLives) throw new Error(`after ${mostLives} lives there is no end to it: ${where}`)
  }
}
