import { get } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backend, queueMissing } from '../helpers/app.ts'
import { events } from '../helpers/events.ts'
import { explore, nothingTried } from './explore.ts'
import { type IpamSubject, ipams } from './ipams.ts'
import { memory } from './panels.ts'
import { type Story, stories } from './stories.ts'
import { told } from './told.ts'
import { createWorld, type Way, type World } from './world.ts'

/** An IPAM that never finds again what it granted. */
const forgetful: IpamSubject = {
  ...ipams.memory,
  async start(watch) {
    const rig = await ipams.memory.start(watch)
    return {
      ...rig,
      drivers: {
        memory: connection => {
          const driver = rig.drivers['memory']?.(connection)
          if (driver === undefined) throw new Error('the rig has no driver')
          return { ...plain(driver), findByMarker: async () => undefined }
        },
      },
    }
  },
}

/** The calls of a driver behind a proxy, as an object of their own. */
function plain<T extends object>(driver: T): T {
  return Object.fromEntries(Reflect.ownKeys(driver).map(key => [key, Reflect.get(driver, key)])) as T
}

// What cannot fail shows nothing: each of these must be caught.
describe.skipIf(queueMissing || backend === 'redis')('The crash sweep', () => {
  let world: World
  beforeAll(async () => {
    world = await createWorld(ipams.memory, memory)
    await world.app.db.$executeRaw`
      create function sneak() returns int language sql as $$
        insert into turn (name, seat) values ('sneaked', 1) on conflict do nothing; select 1 $$`
  })
  afterAll(() => world.shutDown())

  const tell = (goes: Way): Story => ({ name: 'a test', begin: async () => goes })
  const sweep = (story: Story) => explore(world, story, nothingTried())

  it('catches an IPAM that does not find again what it granted before the death', async () => {
    const other = await createWorld(forgetful, memory)
    const story = stories.find(({ name }) => name === 'billing tells of a new service') as Story
    try {
      await expect(explore(other, story, nothingTried())).rejects.toThrow(/died after ipam.request/)
    } finally {
      await other.shutDown()
    }
  })

  it('catches what is done twice where its doer died', async () => {
    const twice = tell(async ({ worker, drain }) => {
      await worker.intake.accept([events.created({ id: `s${Math.random()}` })], 'http')
      await drain()
    })
    await expect(sweep(twice)).rejects.toThrow(/died after commit/)
  })

  it('is not content with a statement that writes without saying so', async () => {
    const sneaks = tell(async () => {
      await world.app.db.$queryRaw`select sneak()`.catch(() => {})
    })
    await expect(sweep(sneaks)).rejects.toThrow('a statement that writes: select sneak()')
  })

  it('is not content with a request to somebody who is not watched', async () => {
    const strays = tell(
      () => new Promise(resolve => get('http://127.0.0.1:9/').once('error', () => resolve())),
    )
    await expect(sweep(strays)).rejects.toThrow('a request to 127.0.0.1:9')
  })

  it('is not content with a call of a driver of which it does not know whether it changes anything', () => {
    const watch = { tell: async () => {} } as unknown as Parameters<typeof told>[0]
    expect(() => told(watch, 'ipam', { explode() {} }, {}).explode()).toThrow(
      'does ipam.explode change the outside world?',
    )
  })
})
