import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkInvariants } from '../../src/domain/invariants.ts'
import { wantedSlots } from '../../src/domain/oracle.ts'
import { nothingKnown } from '../../src/domain/service-state.ts'
import { events } from '../helpers/events.ts'
import {
  type Delivery,
  deliveries,
  eventFor,
  type Saying,
  type Service,
  saying,
  services,
} from '../helpers/histories.ts'
import { createModel, type Model } from '../helpers/model.ts'
import { eventOf, executed, slotsOf, tell, tellOne, told } from '../helpers/planner.ts'

/** Where each service has ended up. */
function outcome(model: Model) {
  return services.map(service => [
    service,
    model.state(service).service?.state,
    slotsOf(model.state(service)),
  ])
}

/** What the oracle says that it should be. */
function wanted(model: Model) {
  const { events, assignments, services: records } = model.snapshot()
  const found = wantedSlots(events, assignments, records)
  return services.map(service => {
    const want = found.get(service)
    return [service, want?.state, [...(want?.slots ?? [])].sort()]
  })
}

function deliverAll(all: Delivery[], after: (model: Model, n: number) => void = () => undefined): Model {
  const model = createModel()
  for (const [n, { service, event }] of all.entries()) {
    model.deliver(service, event)
    after(model, n)
  }
  return model
}

const id = 'vps-1'
const numRuns = 200

describe('Whatever the order in which billing is heard', () => {
  it('each service ends as its history wants it, with nothing carried out meanwhile', () => {
    fc.assert(
      fc.property(deliveries, ({ inOrder, shuffled }) => {
        const [one, other] = [deliverAll(inOrder), deliverAll(shuffled)]
        expect(outcome(one)).toEqual(wanted(one))
        expect(outcome(other)).toEqual(outcome(one))
      }),
      { numRuns },
    )
  })

  it('each service ends as its history wants it, with workers busy in between', () => {
    const busy = fc.array(fc.tuple(fc.constantFrom(...services), fc.boolean()), {
      minLength: 40,
      maxLength: 60,
    })
    fc.assert(
      fc.property(deliveries, busy, ({ inOrder, shuffled }, turns) => {
        const work = (model: Model, n: number) => {
          const [service, whole] = turns[n] ?? ['a', true]
          model.claim(service)
          if (whole) model.finish(service)
        }
        const other = deliverAll(shuffled, work)
        other.finishAll()
        expect(outcome(other)).toEqual(outcome(deliverAll(inOrder)))
        expect(outcome(other)).toEqual(wanted(other))
      }),
      { numRuns },
    )
  })
})

describe('Billing that cancels addresses which it was told of', () => {
  const some = fc.constantFrom<Service>('a', 'c')
  /** Billing says something, one of its events arrives, or a worker does something. */
  const turn = fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('say' as const),
        service: some,
        what: saying,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('cancel' as const),
        service: some,
        which: fc.nat(3),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('deliver' as const), which: fc.nat(10) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('claim' as const, 'finish' as const),
        service: some,
      }),
    },
  )

  it('finds every service as its events want it, and the books in order', () => {
    fc.assert(
      fc.property(fc.array(turn, { minLength: 10, maxLength: 80, size: 'max' }), turns => {
        const model = createModel()
        const billing = createBilling(model)
        for (const [n, act] of turns.entries()) {
          if (act.do === 'say') billing.say(n, act.service, act.what)
          if (act.do === 'cancel') billing.cancel(n, act.service, act.which)
          if (act.do === 'deliver') billing.deliver(act.which)
          if (act.do === 'claim') model.claim(act.service)
          if (act.do === 'finish') model.finish(act.service)
        }
        billing.deliverAll()
        model.finishAll()
        expect(outcome(model)).toEqual(wanted(model))
        expect(checkInvariants(model.snapshot(), { quiet: false })).toEqual([])
      }),
      { numRuns },
    )
  })

  /** Billing, and the events of it that have not arrived yet. */
  function createBilling(model: Model) {
    const underWay: Delivery[] = []
    return {
      say(n: number, service: Service, what: Saying) {
        underWay.push({ service, event: eventFor(service, what, { at: n, id: `e${n}` }) })
      },
      /** Cancels one of the addresses that the service has now, unless billing has taken some away already. */
      cancel(n: number, service: Service, which: number) {
        if (underWay.some(d => d.service === service && /deleted|cancelled/.test(d.event.type))) return
        const known = model.addresses(service)
        const address = known[which % Math.max(1, known.length)]
        if (address === undefined) return
        const event = eventOf(events.cancelled(service, { address }, { at: n, id: `e${n}` }))
        underWay.push({ service, event })
      },
      deliver(which: number) {
        const [next] = underWay.splice(which % Math.max(1, underWay.length), 1)
        if (next) model.deliver(next.service, next.event)
      },
      deliverAll() {
        for (const { service, event } of underWay.splice(0)) model.deliver(service, event)
      },
    }
  }
})

describe('The names of an address', () => {
  const address = '192.0.2.20'
  /** A creation that may name it, or a change; undefined says nothing of the name. */
  const naming = fc.record({
    by: fc.constantFrom('created' as const, 'renamed' as const),
    ptr: fc.constantFrom('x.example.net', 'y.example.net', 'z.example.net', null),
    silent: fc.boolean(),
  })
  const history = fc.array(naming, { minLength: 1, maxLength: 6, size: 'max' }).chain(said => {
    const told = said.map(({ by, ptr, silent }, n) => {
      const common = { at: n + 1, id: `n${n}` }
      const wish = { family: 'ipv4' as const, requested: address, ...(silent ? {} : { ptr }) }
      return by === 'created'
        ? {
            event: eventOf(events.created({ id: 'c' }, { ...common, addresses: [wish] })),
            ptr: silent ? undefined : ptr,
          }
        : { event: eventOf(events.ptrChanged(address, ptr, { ...common, service: 'c' })), ptr }
    })
    const first = {
      event: eventOf(
        events.created(
          { id: 'c' },
          { at: 0, id: 'first', addresses: [{ family: 'ipv4', requested: address }] },
        ),
      ),
      ptr: undefined,
    }
    const all = [first, ...told]
    return fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))
  })

  it('end as the latest that was said, whatever the order', () => {
    fc.assert(
      fc.property(history, fc.boolean(), ([all, shuffled], isBusy) => {
        const deliveries = shuffled.map(({ event }) => ({ service: 'c' as const, event }))
        const model = deliverAll(deliveries, model => isBusy && model.finishAll())
        const last = all.findLast(({ ptr }) => ptr !== undefined)
        const wish = last && (last.ptr ?? '')
        expect(model.state('c').assignments.map(a => a.ptrWish)).toEqual([wish])
      }),
      { numRuns },
    )
  })
})

describe('The sequence of events', () => {
  it('outranks their time within one source', () => {
    const { state } = told(
      events.deleted(id, { at: 1, sequence: '9' }),
      events.created({ id }, { at: 2, sequence: '8' }),
    )
    expect(state.service?.state).toBe('deleted')
  })

  it('means nothing across sources', () => {
    const { state } = told(
      events.deleted(id, { at: 1, sequence: '9', source: '/billing/a' }),
      events.created({ id }, { at: 2, sequence: '8', source: '/billing/b' }),
    )
    expect(state.service?.state).toBe('active')
  })
})

describe('The planner', () => {
  it('never changes a value in place', () => {
    const freeze = <T>(value: T): T => {
      if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
        Object.freeze(value)
        for (const member of Object.values(value)) freeze(member)
      }
      return value
    }
    let state = freeze(
      executed(tell(nothingKnown, events.created({ id }, { at: 1 }), events.ordered(id, 'o1', { at: 2 })), {
        main: '192.0.2.7',
      }),
    )
    for (const event of [
      events.ptrChanged('192.0.2.7', null, { at: 3, service: id }),
      events.ordered(id, 'o2', { at: 4 }),
      events.cancelled(id, { order: 'o1' }, { at: 5 }),
      events.created({ id }, { at: 6 }),
      events.deleted(id, { at: 7 }),
    ]) {
      const before = JSON.stringify([state, [...state.aspects]])
      const after = tell(state, event)
      expect(JSON.stringify([state, [...state.aspects]])).toBe(before)
      state = freeze(after)
    }
  })

  it('leaves an operation for every event, whatever it comes to', () => {
    const gone = tell(nothingKnown, events.deleted(id, { at: 4 }))
    for (const event of [
      events.created({ id }, { at: 1 }),
      events.ordered(id, 'o1', { at: 2 }),
      events.cancelled(id, { order: 'o1' }, { at: 3 }),
      events.cancelled(id, { order: 'o1' }, { at: 5 }),
      events.ptrChanged('192.0.2.7', null, { at: 3, service: id }),
      events.deleted(id, { at: 3 }),
      events.deleted(id, { at: 4 }),
    ])
      expect(tellOne(gone, event).operations.length).toBeGreaterThan(0)
  })
})
