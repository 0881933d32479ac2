import type { EventInput } from '../../src/domain/events.ts'
import { events } from '../helpers/events.ts'
import type { Way, World } from './world.ts'

/** Something that happens, of which every moment is tried as the last one of a process. */
export interface Story {
  name: string
  /** Prepares the world. @returns the way that is gone then, again and again, until it is gone to its end */
  begin(world: World): Promise<Way>
  /** Only where the IPAM is outside the ledger. */
  isOutside?: true
  /** What is wrong at its end was wrong before: nobody acts upon it yet. */
  isLeftAsItWas?: true
}

const requested = '10.0.0.9'
const six = { family: 'ipv6' as const }

/** The events are there; what is to be done about them is done. */
const work: Way = life => life.drain()

/** The same, and taking the events in is part of it: billing sends them until it hears that they were. */
const takeIn =
  (happens: EventInput[]): Way =>
  async ({ worker, once, drain }) => {
    await once('events', () => worker.intake.accept(happens, 'http'))
    await drain()
  }

/** Lets things happen one after the other, each to its end. */
export async function happened(world: World, ...past: EventInput[]): Promise<void> {
  for (const event of past) await world.settle(takeIn([event]))
}

/** Brings events in, without doing anything about them yet. */
async function told(world: World, ...happens: EventInput[]): Promise<Way> {
  await world.app.intake.accept(happens, 'http')
  return work
}

export const stories: Story[] = [
  {
    name: 'billing tells of a new service',
    begin: async world => takeIn([await world.created({ id: 's0' })]),
  },
  {
    name: 'billing tells in one go of a service that is no more and of one that stays',
    begin: async world =>
      takeIn([
        await world.created({ id: 's7' }),
        events.ordered('s7', 'o1'),
        events.deleted('s7'),
        await world.created({ id: 's7-next' }),
      ]),
  },
  {
    name: 'a service is created, with an address of each family and one more',
    begin: async world =>
      told(world, await world.created({ id: 's1' }, { addresses: [{ family: 'ipv4', count: 2 }, six] })),
  },
  {
    name: 'the IPAM grants an address that another service has',
    isOutside: true,
    async begin(world) {
      await happened(world, events.created({ id: 'holder', server: 'node3' }))
      world.rig.forget()
      return told(
        world,
        await world.created({ id: 's2' }, { addresses: [{ family: 'ipv4', pool: 'other' }] }),
      )
    },
  },
  {
    name: 'a licence is put on the address of a server',
    async begin(world) {
      const addresses = [{ family: 'ipv4' as const, requested }]
      await happened(world, await world.created({ id: 's3' }, { addresses }))
      return told(world, events.created({ id: 's3-licence', kind: 'license' }, { addresses }))
    },
  },
  {
    name: 'an extra address is ordered, with a name of its own',
    async begin(world) {
      await happened(world, await world.created({ id: 's4' }))
      return told(world, events.ordered('s4', 'o1', { ptr: 'extra.example.org' }))
    },
  },
  {
    name: 'an extra IPv6 address is ordered and cancelled at once',
    async begin(world) {
      await happened(world, await world.created({ id: 's14' }))
      return told(world, events.ordered('s14', 'o1', six), events.cancelled('s14', { order: 'o1' }))
    },
  },
  {
    name: 'an extra address is cancelled',
    async begin(world) {
      await happened(world, await world.created({ id: 's5' }), events.ordered('s5', 'o1'))
      return told(world, events.cancelled('s5', { order: 'o1' }))
    },
  },
  {
    name: 'a service is deleted',
    async begin(world) {
      await happened(world, await world.created({ id: 's6' }), events.ordered('s6', 'o1'))
      return told(world, events.deleted('s6'))
    },
  },
  {
    name: 'a service comes back while its address is in quarantine',
    async begin(world) {
      const created = await world.created({ id: 's8' })
      await happened(world, created, events.deleted('s8'))
      const { guest } = created.data as { guest?: string }
      return told(world, await world.created({ id: 's8', ...(guest ? { guest } : {}) }))
    },
  },
  {
    name: 'a PTR changes',
    async begin(world) {
      await happened(world, await world.created({ id: 's9' }, { addresses: [{ family: 'ipv4', requested }] }))
      return told(world, events.ptrChanged(requested, 'mail.example.org', { service: 's9' }))
    },
  },
  {
    name: 'a PTR changes and is removed at once, of an address that was named before it was assigned',
    begin: async world =>
      told(
        world,
        events.ptrChanged(requested, 'mail.example.org', { service: 's10' }),
        await world.created({ id: 's10' }, { addresses: [{ family: 'ipv4', requested }] }),
        events.ptrChanged(requested, null, { service: 's10' }),
      ),
  },
  {
    name: 'the domain of a service changes',
    async begin(world) {
      const created = await world.created({ id: 's11', domain: 'old.example.net' })
      await happened(world, created)
      const { service } = (created as Extract<EventInput, { type: 'service.created' }>).data
      return told(world, events.created({ ...service, domain: 'new.example.net' }))
    },
  },
  {
    name: 'a service moves to a server that its address can follow it to',
    async begin(world) {
      await happened(world, await world.created({ id: 's12' }))
      return told(world, await world.created({ id: 's12', server: 'node2' }))
    },
  },
  {
    name: 'a service moves to a server that needs another address',
    async begin(world) {
      await happened(world, await world.created({ id: 's13' }))
      return told(world, events.created({ id: 's13', server: 'node3' }))
    },
  },
]
