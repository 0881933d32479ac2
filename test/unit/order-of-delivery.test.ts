import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BillingEvent, EventData, EventType } from '../../src/domain/events.ts'
import { wantedSlots } from '../../src/domain/oracle.ts'
import { plan } from '../../src/domain/plan.ts'
import {
  type Assignment,
  entitledAssignments,
  nothingKnown,
  type ServiceState,
} from '../../src/domain/service-state.ts'
import { isLater, sameStamp } from '../../src/domain/stamp.ts'
import { isTerminal } from '../../src/domain/states.ts'

/** One service, and workers that are as quick or as slow as a test wants them. */
function rehearsal() {
  let state: ServiceState = nothingKnown
  let ids = 0
  /** Which PTR each address has in the IPAM. */
  const names = new Map<string, string>()
  const newId = () => `id-${++ids}`

  /** What the next event finds: only what is still alive. */
  function settle(): void {
    state = {
      ...state,
      assignments: entitledAssignments(state),
      operations: state.operations.filter(operation => !isTerminal(operation.state)),
    }
  }

  const change = (id: string, more: Partial<Assignment>): void => {
    state = { ...state, assignments: state.assignments.map(a => (a.id === id ? { ...a, ...more } : a)) }
  }

  const nameOf = (a: Assignment) => a.ptrWish ?? state.service?.domain ?? ''

  return {
    take(event: BillingEvent): void {
      state = plan(state, event, { eventId: event.id, newId }).state
      settle()
    },

    /** Carries out everything that is queued, as workers/*.ts would. */
    work(): void {
      for (const operation of state.operations.filter(o => o.state === 'queued')) {
        const mine = entitledAssignments(state).find(a => a.id === operation.assignmentId)
        let ended: 'done' | 'waiting' = 'done'
        if (operation.kind === 'allocate' && mine && state.service?.state === 'active') {
          const address = mine.address ?? mine.requested ?? `address of ${mine.slot} IPv${mine.family}`
          change(mine.id, { state: 'active', address })
          names.set(mine.id, nameOf(mine))
        }
        if (operation.kind === 'ptr' && operation.assignmentId !== undefined) {
          if (mine?.address && sameStamp(mine.ptrStamp, operation.stamp)) names.set(mine.id, nameOf(mine))
        } else if (operation.kind === 'ptr') {
          const { address, ptr } = operation.payload
          const found = state.assignments.find(a => a.address === address)
          if (found === undefined) ended = 'waiting'
          else if (!isLater(found.ptrStamp, operation.stamp)) {
            change(found.id, { ptrWish: ptr ?? '', ptrStamp: operation.stamp })
            names.set(found.id, ptr ?? '')
          }
        }
        const { id } = operation
        state = {
          ...state,
          operations: state.operations.map(o => (o.id === id ? { ...o, state: ended } : o)),
        }
      }
      settle()
    },

    /** PTR changes that wait for an address which is there. */
    overlooked: () =>
      state.operations.filter(({ payload }) =>
        state.assignments.some(a => a.address !== undefined && a.address === payload.address),
      ),

    /** What must not depend on how the events came in. */
    outcome() {
      const { service } = state
      const { kind, client, domain, server, state: life } = service ?? {}
      return {
        service: { kind, client, domain, server, state: life },
        slots: state.assignments
          .map(({ id, slot, family, licence, held, state, requested }) => {
            const known = { slot, family, licence, held, state, requested }
            return { ...known, ptr: names.get(id) }
          })
          .sort((a, b) => (`${a.slot} ${a.family}` < `${b.slot} ${b.family}` ? -1 : 1)),
      }
    },
  }
}

// A service that may ask for the same addresses in every life.
const mainAddress = '192.0.2.10'
const orderAddress = '192.0.2.20'

const domain = fc.constantFrom('one.example', 'two.example')
const ptr = fc.constantFrom(undefined, null, 'mail.example', 'www.example')

type Said = { [T in EventType]: { type: T; data: EventData[T] } }[EventType]

/** What billing may say about one service; whether it chooses its addresses, it does so always. */
function anything(choosy: boolean, kind: string): fc.Arbitrary<Said> {
  const service = domain.map(domain => ({ id: 's', kind, client: 'c', domain, server: 'node1' }))
  const chosen = (requested: string) => (choosy ? { requested } : {})
  const main = ptr.map(ptr => ({ family: 'ipv4' as const, count: 1, ptr, ...chosen(mainAddress) }))
  const second = ptr.map(ptr => ({ family: 'ipv6' as const, count: 1, ptr }))
  const addresses = fc.oneof(
    fc.tuple(main),
    fc.tuple(main, second),
    ...(choosy ? [] : [fc.constant(undefined)]),
  )
  const count = choosy ? fc.constant(1) : fc.constantFrom(1, 2)
  const address = fc.constantFrom(mainAddress, orderAddress)
  return fc.oneof(
    fc.record({ service, addresses }).map(data => ({ type: 'service.created' as const, data })),
    fc.record({ ptr, count }).map(wanted => ({
      type: 'ip.ordered' as const,
      data: { service: 's', order: 'o', family: 'ipv4' as const, ...wanted, ...chosen(orderAddress) },
    })),
    fc.constant({ type: 'ip.cancelled' as const, data: { service: 's', order: 'o' } }),
    fc.constant({ type: 'service.deleted' as const, data: { service: 's' } }),
    ...(choosy
      ? [
          fc.record({ address, ptr: ptr.map(name => name ?? null) }).map(data => ({
            type: 'ptr.changed' as const,
            data: { ...data, service: 's' },
          })),
          address.map(address => ({ type: 'ip.cancelled' as const, data: { service: 's', address } })),
        ]
      : []),
  )
}

/** A history in the order in which it happened, and an order in which it arrives, with pauses in which work is done. */
const histories = fc
  .record({ choosy: fc.boolean(), kind: fc.constantFrom('vps', 'vps', 'license') })
  .chain(({ choosy, kind }) => fc.array(anything(choosy, kind), { minLength: 1, maxLength: 7 }))
  .map(said =>
    said.map(
      (event, index): BillingEvent => ({
        ...event,
        id: `e${index}`,
        source: '/billing',
        time: new Date(Date.UTC(2026, 0, 1) + index * 60_000),
      }),
    ),
  )
  .chain(history =>
    fc.record({
      history: fc.constant(history),
      delivery: fc.shuffledSubarray(history, { minLength: history.length }),
      pauses: fc.array(fc.boolean(), { minLength: history.length, maxLength: history.length }),
    }),
  )

describe('The order in which the events of a service arrive', () => {
  const addresses = [{ family: 'ipv4' as const, count: 1, requested: mainAddress }]
  const service = { id: 's', kind: 'vps', client: 'c', domain: 'one.example', server: 'node1' }
  const order = { service: 's', order: 'o', family: 'ipv4' as const, count: 1, requested: orderAddress }
  const said = {
    created: { type: 'service.created', data: { service, addresses } },
    licence: { type: 'service.created', data: { service: { ...service, kind: 'license' }, addresses } },
    deleted: { type: 'service.deleted', data: { service: 's' } },
    ordered: { type: 'ip.ordered', data: order },
    cancelled: { type: 'ip.cancelled', data: { service: 's', address: mainAddress } },
    renamed: { type: 'ptr.changed', data: { service: 's', address: mainAddress, ptr: 'mail.example' } },
  } as const satisfies Record<string, Said>

  /** What comes of events that are delivered as listed; each happened in the minute that it names. */
  function outcomeOf(...events: [minute: number, what: keyof typeof said][]) {
    const { take, work, outcome } = rehearsal()
    for (const [minute, what] of events) {
      take({ ...said[what], id: `e${minute}`, source: '/billing', time: new Date(minute * 60_000) })
      work()
    }
    return outcome()
  }

  it('gives back no name from before a deletion that was heard of last', () => {
    const { slots } = outcomeOf([1, 'created'], [2, 'renamed'], [4, 'created'], [3, 'deleted'])
    expect(slots).toMatchObject([{ slot: 'main', state: 'active', ptr: 'one.example' }])
  })

  it('revives nothing whose address was cancelled before its creation was heard of', () => {
    expect(outcomeOf([2, 'cancelled'], [1, 'created'])).toMatchObject({
      service: { state: 'active' },
      slots: [],
    })
  })

  it('leaves no address with a service that ended before the order which is known already', () => {
    const { service, slots } = outcomeOf([1, 'created'], [3, 'ordered'], [2, 'deleted'])
    expect(service.state).toBe('deleted')
    expect(slots).toMatchObject([{ slot: 'order:o/1', state: 'pending' }])
  })

  it('lets an order be one of a licence, also when it comes before the licence', () => {
    const { slots } = outcomeOf([2, 'ordered'], [1, 'licence'])
    expect(slots).toMatchObject([
      { slot: 'main', licence: true, held: false },
      { slot: 'order:o/1', licence: true, held: false },
    ])
  })

  it('changes nothing about what it ends with, however slow the workers are', () => {
    fc.assert(
      fc.property(histories, ({ history, delivery, pauses }) => {
        const [asItHappened, asItArrived] = [rehearsal(), rehearsal()]
        for (const event of history) {
          asItHappened.take(event)
          asItHappened.work()
        }
        delivery.forEach((event, index) => {
          asItArrived.take(event)
          if (pauses[index]) asItArrived.work()
        })
        asItArrived.work()
        expect(asItArrived.outcome()).toEqual(asItHappened.outcome())
        expect(asItArrived.overlooked()).toEqual([])
        const wanted = wantedSlots(history, []).get('s')
        const { service, slots } = asItArrived.outcome()
        expect({ state: service.state, slots: new Set(slots.map(s => `${s.slot} IPv${s.family}`)) }).toEqual(
          wanted,
        )
      }),
      { numRuns: 1_000 },
    )
  })
})
