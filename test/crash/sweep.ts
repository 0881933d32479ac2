import { afterAll, beforeAll, describe, it } from 'vitest'
import { backend, queueMissing } from '../helpers/app.ts'
import { explore, full, nothingTried } from './explore.ts'
import type { IpamSubject } from './ipams.ts'
import type { PanelSubject } from './panels.ts'
import type { Story } from './stories.ts'
import { createWorld, type World } from './world.ts'

/** Tries all deaths in some stories, on one IPAM and one kind of servers. */
export function crashSweep(ipam: IpamSubject, panel: PanelSubject, stories: readonly Story[]): void {
  // No queue is involved: once is enough.
  describe.skipIf(queueMissing || backend === 'redis')(`On ${ipam.name} and ${panel.name}`, () => {
    const told = stories.filter(story => ipam.isOutside || !story.isOutside)
    const tried = nothingTried()
    let world: World
    const begun = performance.now()
    beforeAll(async () => {
      world = await createWorld(ipam, panel)
    })
    afterAll(async () => {
      await world.shutDown()
      const { effects, first, second, later, lives } = tried
      const seconds = ((performance.now() - begun) / 1000).toFixed(1)
      process.stdout.write(
        `crash sweep, ${ipam.name}, ${panel.name}: ${told.length} stories, ${effects} effects, ${first} single, ${second} double and ${later} further deaths, ${lives} lives, ${seconds} s\n`,
      )
    })

    for (const story of told) {
      it(
        `dying anywhere, and any number of times, when ${story.name} leaves nothing wrong`,
        () => explore(world, story, tried),
        full ? 3_600_000 : 300_000,
      )
    }
  })
}
