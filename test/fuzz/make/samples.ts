import fc from 'fast-check'
import { events } from '../../helpers/events.ts'
import { type Change, changes, mutate } from './mutate.ts'

const addresses = [{ family: 'ipv4' as const, count: 2, ptr: 'a.example.net' }, { family: 'ipv6' as const }]

/** One event of every type, as billing sends them. */
export const sampleEvents: readonly object[] = [
  events.created(
    { id: 's1', setup: { template: 'debian', nested: { a: [1, 2] } } },
    { addresses, sequence: '7' },
  ),
  events.created(
    { id: 's2', guest: '101' },
    { addresses: [{ family: 'ipv4', requested: '192.0.2.9', pool: 'v4' }] },
  ),
  events.ordered('s1', 'o-1', { count: 3, family: 'ipv6' }),
  events.cancelled('s1', { order: 'o-1' }),
  events.cancelled('s1', { address: '192.0.2.9' }),
  events.ptrChanged('192.0.2.9', 'mail.example.net', { service: 's1' }),
  events.ptrChanged('2001:db8::9', null),
  events.deleted('s1'),
]

/** One of them, nearly right. */
export const nearlyEvents: fc.Arbitrary<unknown> = fc
  .record({ event: fc.constantFrom(...sampleEvents), list: changes, id: fc.nat(9_999) })
  .map(({ event, list, id }: { event: object; list: Change[]; id: number }) =>
    mutate({ ...event, id: `f${id}` }, list),
  )
