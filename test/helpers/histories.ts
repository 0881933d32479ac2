import fc from 'fast-check'
import type { BillingEvent } from '../../src/domain/events.ts'
import { events } from './events.ts'
import { eventOf } from './planner.ts'

/** The services of generated histories. */
export const services = ['a', 'b', 'c'] as const
export type Service = (typeof services)[number]

/** The address that an order of a service names, if it names one: always the same one. */
const named = (service: Service, n: number) => `192.0.2.${services.indexOf(service) * 10 + n}`

/** What billing may say, without the time at which it says so. */
export const saying = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('created' as const), variant: fc.nat(2) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('ordered' as const),
      order: fc.nat(2),
      count: fc.integer({ min: 1, max: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('cancelled' as const),
      order: fc.nat(2),
      byAddress: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deleted' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('renamed' as const),
      n: fc.nat(2),
      ptr: fc.option(fc.constantFrom('x.example.net', 'y.example.net')),
    }),
  },
)
export type Saying = typeof saying extends fc.Arbitrary<infer T> ? T : never

/** Order 2 names an address; the main address is named where the service is `c`. */
export function eventFor(
  service: Service,
  what: Saying,
  common: { at: number; id: string; sequence?: string },
): BillingEvent {
  switch (what.kind) {
    case 'created': {
      const main = { family: 'ipv4' as const, ...(service === 'c' ? { requested: named(service, 0) } : {}) }
      const more =
        [[], [{ family: 'ipv4' as const, count: 2 }], [{ family: 'ipv6' as const }]][what.variant] ?? []
      return eventOf(events.created({ id: service }, { ...common, addresses: [main, ...more] }))
    }
    case 'ordered': {
      const wanted = what.order === 2 ? { requested: named(service, 2) } : { count: what.count }
      return eventOf(events.ordered(service, `o${what.order}`, { ...common, ...wanted }))
    }
    case 'cancelled':
      return eventOf(
        what.byAddress && what.order !== 1
          ? events.cancelled(service, { address: named(service, what.order) }, common)
          : events.cancelled(service, { order: `o${what.order}` }, common),
      )
    case 'deleted':
      return eventOf(events.deleted(service, common))
    case 'renamed':
      return eventOf(events.ptrChanged(named(service, what.n), what.ptr, { ...common, service }))
  }
}

/** An event on its way to us. */
export interface Delivery {
  service: Service
  event: BillingEvent
}

/** How billing tells when something was said: minute by minute, so coarsely that times tie, or by sequence. */
const clocks = {
  exact: (n: number) => ({ at: n }),
  coarse: (n: number) => ({ at: Math.floor(n / 3) }),
  sequence: (n: number) => ({ at: 1_000 - n, sequence: String(n) }),
}

const history = fc
  .record({
    clock: fc.constantFrom('exact' as const, 'coarse' as const, 'sequence' as const),
    said: fc.array(fc.tuple(fc.constantFrom(...services), saying), {
      minLength: 1,
      maxLength: 14,
      size: 'max',
    }),
  })
  .map(({ clock, said }) =>
    said.map(([service, what], n): Delivery => {
      return { service, event: eventFor(service, what, { ...clocks[clock](n), id: `e${n}` }) }
    }),
  )

/** The same events in another order, some of them more than once, some again under another id. */
export const deliveries = history.chain(said => {
  const again = fc.subarray(said)
  const resent = fc
    .subarray(said)
    .map(some =>
      some.map(({ service, event }) => ({ service, event: { ...event, id: `${event.id}-again` } })),
    )
  return fc
    .tuple(again, resent)
    .chain(([copies, others]) => {
      const all = [...said, ...copies, ...others]
      return fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))
    })
    .map(([inOrder, shuffled]) => ({ inOrder, shuffled }))
})
