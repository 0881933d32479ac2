import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { queueMissing } from '../helpers/app.ts'
import { events } from '../helpers/events.ts'
import type { Subject } from './subject.ts'
import { subjects } from './subjects.ts'
import { startWorld, type World } from './world.ts'

/** "Integrating with IPmanager", as the vendor tells it and beyond, on each of the systems that it names. */
describe.skipIf(queueMissing).each(subjects)('The whole story, on $name', (subject: Subject) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld(subject)
  })
  afterAll(() => world?.end())

  it('goes from the opening of a service to its end, and leaves nothing behind', async () => {
    const { panel, ipmanager } = world
    const held = () => ipmanager.books.held({ owner: 'bill' }).map(({ ip }) => ip)
    const onGuest = async () => (await panel.guests()).flatMap(({ addresses }) => addresses).sort()

    // An older service has an address that somebody has freed in IPmanager by hand.
    await world.tell(events.created({ id: 'old', server: 'old-node' }))
    const { main: taken = '' } = await world.addressesOf('old')
    ipmanager.drift.release(taken)

    // A service is opened. IPmanager gives that address once more; setting up fails twice.
    world.failToConfigure(2)
    const guest = await panel.addGuest?.()
    await world.tell(
      events.created({ id: 'vps', domain: 'shop.example.net', setup: panel.setup, ...(guest && { guest }) }),
    )
    const { main = '' } = await world.addressesOf('vps')
    expect(main).not.toBe(taken)
    expect(ipmanager.books.look(taken)?.domain).toMatch(/^dns\.set\.error\.?$/)
    expect(ipmanager.books.look(main)?.domain).toMatch(/^shop\.example\.net\.?$/)
    expect(await world.triesOf('vps')).toBe(3)
    // One address was marked, and one taken: the attempts that failed have used the same one.
    expect(held().sort()).toEqual([taken, main].sort())
    expect(await onGuest()).toEqual([main])
    const [{ id: made = '' } = {}] = await panel.guests()
    expect((await world.service('vps')).guest).toBe(made)
    expect(await world.told('vps', 2)).toMatchObject([
      { type: 'address.conflict', data: { address: taken, holder: 'old' } },
      { type: 'address.assigned', data: { address: main, ptr: 'shop.example.net' } },
    ])

    // An extra address is ordered, with a name of its own.
    await world.tell(events.ordered('vps', 'o1', { ptr: 'mail.example.org' }))
    const { 'order:o1/1': extra = '' } = await world.addressesOf('vps')
    expect(await onGuest()).toEqual([main, extra].sort())
    expect(ipmanager.books.look(extra)?.domain).toMatch(/^mail\.example\.org\.?$/)
    if (panel.ptrOf) expect(await panel.ptrOf(made, extra)).toBe('mail.example.org')

    // The client changes the PTR.
    await world.tell(events.ptrChanged(main, 'www.example.com', { service: 'vps' }))
    expect(ipmanager.books.look(main)?.domain).toMatch(/^www\.example\.com\.?$/)
    if (panel.ptrOf) expect(await panel.ptrOf(made, main)).toBe('www.example.com')

    // The extra address is no longer wanted: it goes off the guest, and back.
    await world.tell(events.cancelled('vps', { order: 'o1' }))
    expect(await onGuest()).toEqual([main])
    expect(held()).not.toContain(extra)

    // The service ends. The guest is still there: first the address goes off it, then back.
    await world.tell(events.deleted('vps'))
    expect(await onGuest()).toEqual([])
    expect(held()).toEqual([taken])
    expect(await world.service('vps')).toMatchObject({ state: 'deleted', addresses: [] })
    const [, , , , , last] = await world.told('vps', 6)
    expect(last).toMatchObject({ type: 'address.released', data: { address: main } })
  }, 120_000)
})
