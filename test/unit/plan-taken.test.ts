import { describe, expect, it } from 'vitest'
import { type Assignment, nothingKnown } from '../../src/domain/service-state.ts'
import { events } from '../helpers/events.ts'
import { executed, inShort, slotsOf, tell, tellOne, told } from '../helpers/planner.ts'

const id = 'vps-1'
const created = (at: number, more: Parameters<typeof events.created>[1] = {}) =>
  events.created({ id }, { at, ...more })
const ordered = (at: number, order = 'o1', more: object = {}) => events.ordered(id, order, { at, ...more })
const cancelled = (at: number, what: { order: string } | { address: string }) =>
  events.cancelled(id, what, { at })
const deleted = (at: number) => events.deleted(id, { at })

describe('A cancellation', () => {
  const before = executed(tell(nothingKnown, created(1), ordered(2, 'o1', { count: 2 }), ordered(3, 'o2')), {
    main: '192.0.2.6',
    'order:o1/1': '192.0.2.7',
    'order:o1/2': '192.0.2.8',
    'order:o2/1': '192.0.2.9',
  })

  it('by order releases all of its addresses', () => {
    const { state, operations } = tellOne(before, cancelled(4, { order: 'o1' }))
    expect(slotsOf(state)).toEqual(['main IPv4', 'order:o2/1 IPv4'])
    expect(inShort(state, operations)).toEqual(['release queued order:o1/1', 'release queued order:o1/2'])
  })

  it('by order does not touch an order whose number begins alike', () => {
    const alike = tell(before, ordered(4, 'o10'))
    expect(slotsOf(tell(alike, cancelled(5, { order: 'o1' })))).toContain('order:o10/1 IPv4')
  })

  it('by address releases that one', () => {
    const { state, operations } = tellOne(before, cancelled(4, { address: '192.0.2.8' }))
    expect(inShort(state, operations)).toEqual(['release queued order:o1/2'])
    expect(slotsOf(state)).toEqual(['main IPv4', 'order:o1/1 IPv4', 'order:o2/1 IPv4'])
  })

  it('by address also finds an address that is asked for but not yet given', () => {
    const waiting = tell(nothingKnown, created(1), ordered(2, 'o1', { requested: '192.0.2.9' }))
    expect(slotsOf(tell(waiting, cancelled(3, { address: '192.0.2.9' })))).toEqual(['main IPv4'])
  })

  describe('by address, of one that has changed hands within its service', () => {
    const address = '192.0.2.7'
    const minute = (at: number) => Date.parse(created(at).time)
    const main = (more: object) => (a: Assignment) => (a.slot === 'main' ? { ...a, ...more } : a)
    const order = (more: object) => (a: Assignment) => (a.slot === 'order:o1/1' ? { ...a, ...more } : a)
    /** The order had it from the 4th to the 6th minute, and has another one since; main has it since the 8th. */
    const changed = {
      ...before,
      assignments: before.assignments
        .map(main({ address, since: minute(8) }))
        .map(order({ address: '192.0.2.20', former: [{ address, since: minute(4), until: minute(6) }] })),
    }
    const all = slotsOf(before)

    it('releases the one that had it when that was said', () => {
      expect(slotsOf(tell(changed, cancelled(5, { address })))).toEqual(
        all.filter(s => s !== 'order:o1/1 IPv4'),
      )
      expect(slotsOf(tell(changed, cancelled(9, { address })))).toEqual(all.filter(s => s !== 'main IPv4'))
    })

    it('releases the one that has it now, where none had it then', () => {
      expect(slotsOf(tell(changed, cancelled(7, { address })))).toEqual(all.filter(s => s !== 'main IPv4'))
    })
  })

  it('of what the service does not have leaves an operation to look at', () => {
    const { state, status, operations } = tellOne(before, cancelled(4, { order: 'o9' }))
    expect(status).toBe('accepted')
    expect(inShort(state, operations)).toEqual(['release queued'])
  })

  it('late, after the order was placed again, changes nothing', () => {
    const again = tell(before, ordered(5, 'o1', { count: 2 }))
    expect(slotsOf(tell(again, cancelled(4, { order: 'o1' })))).toEqual(slotsOf(before))
  })

  it('older than the one before, or than the deletion, is superseded', () => {
    const cancelledBefore = tell(before, cancelled(5, { order: 'o1' }))
    expect(tellOne(cancelledBefore, cancelled(4, { order: 'o1' })).status).toBe('superseded')
    expect(tellOne(tell(before, deleted(5)), cancelled(4, { order: 'o1' })).status).toBe('superseded')
  })

  it('ends what was still to be allocated, and lets what runs find out for itself', () => {
    const fresh = tell(nothingKnown, created(1), ordered(2, 'o1', { count: 2 }))
    const running = {
      ...fresh,
      operations: fresh.operations.map((o, n) => (n === 1 ? { ...o, state: 'running' as const } : o)),
    }
    const state = tell(running, cancelled(3, { order: 'o1' }))
    expect(inShort(state, state.operations)).toEqual([
      'allocate queued main',
      'allocate running order:o1/1',
      'allocate superseded order:o1/2',
      'release queued order:o1/1',
      'release queued order:o1/2',
    ])
  })
})

describe('A deletion', () => {
  it('releases everything', () => {
    const before = executed(tell(nothingKnown, created(1), ordered(2)), {
      main: '192.0.2.7',
      'order:o1/1': '192.0.2.8',
    })
    const { state, operations } = tellOne(before, deleted(3))
    expect(state.service?.state).toBe('deleted')
    expect(inShort(state, operations)).toEqual(['release queued main', 'release queued order:o1/1'])
  })

  it('of a service that nobody knows is remembered', () => {
    const { state, status, operations } = told(deleted(1))
    expect([status, state.service?.state]).toEqual(['accepted', 'deleted'])
    expect(inShort(state, operations)).toEqual(['release queued'])
  })

  it('ends what waited for the service', () => {
    const { state } = told(
      ordered(1),
      events.ptrChanged('192.0.2.7', 'a.example.net', { service: id, at: 2 }),
      deleted(3),
    )
    expect(inShort(state, state.operations)).toEqual([
      'allocate superseded order:o1/1',
      'ptr superseded',
      'release queued order:o1/1',
    ])
  })

  it('ends a PTR change that was woken but has not run', () => {
    const renamed = events.ptrChanged('192.0.2.7', 'a.example.net', { service: id, at: 2 })
    const { state } = told(renamed, created(1), deleted(3))
    expect(state.operations.find(o => o.kind === 'ptr')?.state).toBe('superseded')
  })

  it('late, after the service was created anew, takes only what is older', () => {
    const two = created(1, { addresses: [{ family: 'ipv4', count: 2 }] })
    const { state, status } = told(two, created(3), deleted(2))
    expect([status, state.service?.state]).toEqual(['accepted', 'active'])
    expect(slotsOf(state)).toEqual(['main IPv4'])
  })

  it('older than the one before is superseded', () => {
    expect(told(created(1), deleted(3), deleted(2)).status).toBe('superseded')
  })
})
