import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backend, queueMissing } from '../helpers/app.ts'
import type { Death } from './mortal.ts'
import { type Story, stories } from './stories.ts'
import { createWorld, type World } from './world.ts'

/** Every moment at which a life can end that would have had these effects. */
const deathsAmong = (effects: readonly string[]): Death[] =>
  effects.flatMap((_, index) => (['before', 'after'] as const).map(when => ({ at: index + 1, when })))

/** Dying before an effect leaves the same as dying after the one before it. */
const isOfItsOwn = ({ at, when }: Death) => when === 'after' || at === 1

/**
 * Tells every story once for each effect that it has, and lets the worker die before and after it; and then once
 * more for each effect that the recovery has. Exhaustive: nothing here is random.
 */
export function crashSweep(ipam: 'memory' | 'builtin'): void {
  // No queue is involved: once is enough.
  describe.skipIf(queueMissing || backend === 'redis')(`A worker on the IPAM ${ipam} that dies`, () => {
    const covered = { stories: 0, effects: 0, single: 0, double: 0 }
    let world: World
    beforeAll(async () => {
      world = await createWorld(ipam)
    })
    afterAll(async () => {
      await world.shutDown()
      const { stories, effects, single, double } = covered
      process.stdout.write(
        `crash sweep, IPAM ${ipam}: ${stories} stories, ${effects} effects, ${single} single and ${double} double deaths\n`,
      )
    })

    async function tell({ before, twist, happens, isTakenIn }: Story, deaths: Death[]) {
      await world.reset()
      for (const event of before) await world.settle([event])
      await twist?.(world)
      if (!isTakenIn) await world.takeIn(happens)
      return world.live(isTakenIn ? happens : [], deaths)
    }

    /** Tells a story with these deaths, and judges its end. @returns the effects of its last life */
    async function survive(story: Story, deaths: Death[], end: unknown): Promise<readonly string[]> {
      const lives = await tell(story, deaths)
      const where = deaths
        .map(({ at, when }, life) => `${when} ${at}: ${lives[life]?.[at - 1]}`)
        .join(', then ')
      expect([where, await world.violations(), await world.outcome()]).toEqual([where, [], end])
      return lives.at(-1) ?? []
    }

    for (const story of stories.filter(story => ipam === 'memory' || !story.isOutside)) {
      it(
        `anywhere when ${story.name}, and anywhere again when it goes on, leaves nothing wrong`,
        () => sweep(story),
        300_000,
      )
    }

    async function sweep(story: Story): Promise<void> {
      const [effects = []] = await tell(story, [])
      expect(await world.violations()).toEqual([])
      const end = await world.outcome()
      covered.stories++
      covered.effects += effects.length
      for (const death of deathsAmong(effects)) {
        const recovery = await survive(story, [death], end)
        covered.single++
        if (!isOfItsOwn(death)) continue
        for (const again of deathsAmong(recovery).filter(isOfItsOwn)) {
          await survive(story, [death, again], end)
          covered.double++
        }
      }
    }
  })
}
