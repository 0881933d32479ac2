import type { EventInput } from '../../src/domain/events.ts'
import { events } from '../helpers/events.ts'
import type { World } from './world.ts'

/** Something that happens, of which every moment is tried as the last one of a worker. */
export interface Story {
  name: string
  /** What has happened before, in good order. */
  before: EventInput[]
  /** What else is different, behind ipbridge's back. */
  twist?: (world: World) => Promise<unknown>
  happens: EventInput[]
  /** Whether taking the events in is part of it; else they are there already. */
  isTakenIn?: true
  /** Only where the IPAM is outside the ledger. */
  isOutside?: true
}

const requested = '10.0.0.9'

export const stories: Story[] = [
  {
    name: 'billing tells of a new service',
    before: [],
    happens: [events.created({ id: 's0' })],
    isTakenIn: true,
  },
  {
    name: 'billing tells in one go of a service that is no more and of one that stays',
    before: [],
    happens: [
      events.created({ id: 's7' }),
      events.ordered('s7', 'o1'),
      events.deleted('s7'),
      events.created({ id: 's7-next' }),
    ],
    isTakenIn: true,
  },
  {
    name: 'a service is created, with two addresses',
    before: [],
    happens: [events.created({ id: 's1' }, { addresses: [{ family: 'ipv4', count: 2 }] })],
  },
  {
    name: 'the IPAM grants an address that another service has',
    before: [events.created({ id: 'holder' })],
    async twist({ books }) {
      books.records.clear()
    },
    happens: [events.created({ id: 's2' })],
    isOutside: true,
  },
  {
    name: 'a licence is put on the address of a server',
    before: [events.created({ id: 's3' }, { addresses: [{ family: 'ipv4', requested }] })],
    happens: [
      events.created({ id: 's3-licence', kind: 'license' }, { addresses: [{ family: 'ipv4', requested }] }),
    ],
  },
  {
    name: 'an extra address is ordered, with a name of its own',
    before: [events.created({ id: 's4' })],
    happens: [events.ordered('s4', 'o1', { ptr: 'extra.example.org' })],
  },
  {
    name: 'an extra address is cancelled',
    before: [events.created({ id: 's5' }), events.ordered('s5', 'o1')],
    happens: [events.cancelled('s5', { order: 'o1' })],
  },
  {
    name: 'a service is deleted',
    before: [events.created({ id: 's6' }), events.ordered('s6', 'o1')],
    happens: [events.deleted('s6')],
  },
  {
    name: 'a service comes back while its address is in quarantine',
    before: [events.created({ id: 's8' }), events.deleted('s8')],
    happens: [events.created({ id: 's8' })],
  },
  {
    name: 'a PTR changes',
    before: [events.created({ id: 's9' }, { addresses: [{ family: 'ipv4', requested }] })],
    happens: [events.ptrChanged(requested, 'mail.example.org', { service: 's9' })],
  },
  {
    name: 'a PTR changes and is removed at once, of an address that was named before it was assigned',
    before: [],
    happens: [
      events.ptrChanged(requested, 'mail.example.org', { service: 's10' }),
      events.created({ id: 's10' }, { addresses: [{ family: 'ipv4', requested }] }),
      events.ptrChanged(requested, null, { service: 's10' }),
    ],
  },
  {
    name: 'the domain of a service changes',
    before: [events.created({ id: 's11', domain: 'old.example.net' })],
    happens: [events.created({ id: 's11', domain: 'new.example.net' })],
  },
  {
    name: 'a service moves to a server that its address can follow it to',
    before: [events.created({ id: 's12' })],
    happens: [events.created({ id: 's12', server: 'node2' })],
  },
  {
    name: 'a service moves to a server that needs another address',
    before: [events.created({ id: 's13' })],
    happens: [events.created({ id: 's13', server: 'node3' })],
  },
]
