import { describe, expect, it } from 'vitest'
import { nothingKnown } from '../../src/domain/service-state.ts'
import { events } from '../helpers/events.ts'
import { assignmentOf, executed, inShort, slotsOf, tell, tellOne, told } from '../helpers/planner.ts'

const id = 'vps-1'
const created = (at: number, more: Parameters<typeof events.created>[1] = {}) =>
  events.created({ id }, { at, ...more })
const ordered = (at: number, order = 'o1', more: object = {}) => events.ordered(id, order, { at, ...more })
const cancelled = (at: number, what: { order: string } | { address: string }) =>
  events.cancelled(id, what, { at })
const deleted = (at: number) => events.deleted(id, { at })

describe('A service that is created', () => {
  it('gets one IPv4 address unless it asks for others', () => {
    const { state, status, operations } = told(created(1))
    expect(status).toBe('accepted')
    expect(state.service).toMatchObject({ id, state: 'active', kind: 'vps', domain: 'vps-1.example.net' })
    expect(slotsOf(state)).toEqual(['main IPv4'])
    expect(inShort(state, operations)).toEqual(['allocate queued main'])
  })

  it('gets what it asks for, numbered within each family', () => {
    const { state, operations } = told(
      created(1, {
        addresses: [{ family: 'ipv4', count: 2 }, { family: 'ipv6' }, { family: 'ipv4', pool: 'extra' }],
      }),
    )
    expect(slotsOf(state)).toEqual(['main IPv4', 'main IPv6', 'main/2 IPv4', 'main/3 IPv4'])
    expect(operations).toHaveLength(4)
    expect(assignmentOf(state, 'main/3')).toMatchObject({ pool: 'extra', family: 4 })
  })

  it('gets the names that it asks for: its domain, another one, or none', () => {
    const { state } = told(
      created(1, {
        addresses: [
          { family: 'ipv4' },
          { family: 'ipv4', ptr: 'mail.example.net' },
          { family: 'ipv4', ptr: null },
        ],
      }),
    )
    expect(['main', 'main/2', 'main/3'].map(slot => assignmentOf(state, slot).ptrWish)).toEqual([
      undefined,
      'mail.example.net',
      '',
    ])
  })

  it('again while it lives gets back every address that it has', () => {
    const before = executed(
      tell(nothingKnown, created(1, { addresses: [{ family: 'ipv4', count: 2 }] }), ordered(2)),
      { main: '192.0.2.7', 'main/2': '192.0.2.8', 'order:o1/1': '192.0.2.9' },
    )
    const { state, operations } = tellOne(before, created(3))
    expect(inShort(state, operations)).toEqual(['allocate queued main', 'allocate queued main/2'])
    expect(state.assignments.map(a => a.id)).toEqual(before.assignments.map(a => a.id))
  })

  it('again is helped to an extra address that it never got', () => {
    const before = tell(nothingKnown, created(1), ordered(2))
    const failed = {
      ...before,
      operations: before.operations.filter(o => o.assignmentId !== assignmentOf(before, 'order:o1/1').id),
    }
    const { state, operations } = tellOne(failed, created(3))
    expect(inShort(state, operations)).toEqual(['allocate queued main', 'allocate queued order:o1/1'])
  })

  it('again is what the latest creation says it is', () => {
    const state = tell(
      nothingKnown,
      created(1),
      events.created({ id, domain: 'new.example.net' }, { at: 3 }),
      events.created({ id, domain: 'old.example.net' }, { at: 2 }),
    )
    expect(state.service).toMatchObject({
      domain: 'new.example.net',
      created: { t: Date.UTC(2026, 0, 1, 0, 3) },
    })
  })

  it('again with more addresses gets the additional ones', () => {
    const { state, operations } = told(created(1), created(2, { addresses: [{ family: 'ipv4', count: 2 }] }))
    expect(slotsOf(state)).toEqual(['main IPv4', 'main/2 IPv4'])
    expect(operations).toHaveLength(2)
  })

  it('late, after its deletion, gets nothing', () => {
    const { state, status, operations } = told(deleted(2), created(1))
    expect(status).toBe('superseded')
    expect(state.service?.state).toBe('deleted')
    expect(slotsOf(state)).toEqual([])
    expect(inShort(state, operations)).toEqual(['allocate superseded'])
  })

  it('in the same moment as its deletion gets nothing, whichever is heard of first', () => {
    for (const history of [
      [created(1), deleted(1)],
      [deleted(1), created(1)],
    ]) {
      const { state } = told(...history)
      expect([state.service?.state, slotsOf(state)]).toEqual(['deleted', []])
    }
  })

  it('anew after its deletion gets addresses of its own', () => {
    const before = tell(nothingKnown, created(1), deleted(2))
    const { state, status } = tellOne(executed(before), created(3))
    expect(status).toBe('accepted')
    expect(state.service?.state).toBe('active')
    expect(slotsOf(state)).toEqual(['main IPv4'])
    expect(assignmentOf(state, 'main').id).not.toBe(before.assignments[0]?.id)
  })

  it('without an address that was cancelled before we heard of it', () => {
    const addresses = [
      { family: 'ipv4' as const, requested: '192.0.2.7' },
      { family: 'ipv4' as const, requested: '192.0.2.8' },
    ]
    const { state, status, operations } = told(
      cancelled(2, { address: '192.0.2.7' }),
      created(1, { addresses }),
    )
    expect(status).toBe('accepted')
    expect(slotsOf(state)).toEqual(['main/2 IPv4'])
    expect(inShort(state, operations)).toEqual(['allocate queued main/2'])
  })

  it('late, does not bring back an address that was cancelled since', () => {
    const before = executed(tell(nothingKnown, created(1)), { main: '192.0.2.7' })
    const without = executed(tell(before, cancelled(3, { address: '192.0.2.7' })))
    expect(slotsOf(tell(without, created(2)))).toEqual([])
    expect(slotsOf(tell(without, created(4)))).toEqual(['main IPv4'])
  })
})

describe('An order for an extra address', () => {
  it('adds as many slots as it counts', () => {
    const { state, operations } = told(created(1), ordered(2, 'o1', { count: 3 }))
    expect(slotsOf(state)).toEqual(['main IPv4', 'order:o1/1 IPv4', 'order:o1/2 IPv4', 'order:o1/3 IPv4'])
    expect(operations.every(o => o.kind === 'allocate' && o.state === 'queued')).toBe(true)
  })

  it('waits when its service is not known yet', () => {
    const { state, operations } = told(ordered(2))
    expect(state.service?.state).toBe('expected')
    expect(inShort(state, operations)).toEqual(['allocate waiting order:o1/1'])
  })

  it('is woken by the creation, and comes after the main address', () => {
    const { state } = told(ordered(2), created(1))
    expect(inShort(state, state.operations)).toEqual(['allocate queued main', 'allocate queued order:o1/1'])
  })

  it('repeated under the same number changes nothing but that it is looked at again', () => {
    const { state, operations } = told(created(1), ordered(2), ordered(3))
    expect(slotsOf(state)).toEqual(['main IPv4', 'order:o1/1 IPv4'])
    expect(inShort(state, operations)).toEqual(['allocate queued order:o1/1'])
  })

  it('late, after its cancellation, gets nothing', () => {
    const { state, status, operations } = told(created(1), cancelled(3, { order: 'o1' }), ordered(2))
    expect(status).toBe('superseded')
    expect(slotsOf(state)).toEqual(['main IPv4'])
    expect(inShort(state, operations)).toEqual(['allocate superseded'])
  })

  it('in the same moment as its cancellation gets nothing, whichever is heard of first', () => {
    for (const history of [
      [created(1), ordered(2), cancelled(2, { order: 'o1' })],
      [created(1), cancelled(2, { order: 'o1' }), ordered(2)],
    ])
      expect(slotsOf(told(...history).state)).toEqual(['main IPv4'])
  })

  it('placed again after its cancellation is a new one', () => {
    const { state } = told(created(1), ordered(2), cancelled(3, { order: 'o1' }), ordered(4))
    expect(slotsOf(state)).toEqual(['main IPv4', 'order:o1/1 IPv4'])
  })

  it('late, after the deletion of its service, gets nothing', () => {
    expect(told(created(1), deleted(3), ordered(2)).status).toBe('superseded')
  })

  it('later than the deletion waits for the service to come back', () => {
    const { state, operations } = told(created(1), deleted(2), ordered(4))
    expect(inShort(state, operations)).toEqual(['allocate waiting order:o1/1'])
    const back = tell(state, created(3))
    expect(slotsOf(back)).toEqual(['main IPv4', 'order:o1/1 IPv4'])
  })

  it('of a named address that was cancelled since gets nothing', () => {
    const { status } = told(
      created(1),
      cancelled(3, { address: '192.0.2.9' }),
      ordered(2, 'o1', { requested: '192.0.2.9' }),
    )
    expect(status).toBe('superseded')
  })

  it('late, brings back only what was not cancelled since', () => {
    const before = executed(tell(nothingKnown, created(1), ordered(2, 'o1', { count: 2 })), {
      'order:o1/1': '192.0.2.8',
      'order:o1/2': '192.0.2.9',
    })
    const without = executed(tell(before, cancelled(4, { address: '192.0.2.8' })))
    const { state, status, operations } = tellOne(without, ordered(3, 'o1', { count: 2 }))
    expect(status).toBe('accepted')
    expect(slotsOf(state)).toEqual(['main IPv4', 'order:o1/2 IPv4'])
    expect(inShort(state, operations)).toEqual(['allocate queued order:o1/2'])
  })
})

describe('A licence', () => {
  const licence = (addresses?: Parameters<typeof events.created>[1]) =>
    told(events.created({ id, kind: 'license' }, { at: 1, ...addresses })).state

  it('that names the address which it runs on holds nothing in the IPAM', () => {
    const state = licence({ addresses: [{ family: 'ipv4', requested: '192.0.2.7' }] })
    expect(assignmentOf(state, 'main')).toMatchObject({ licence: true, held: false, requested: '192.0.2.7' })
  })

  it('that names none gets an address like any service', () => {
    expect(assignmentOf(licence(), 'main')).toMatchObject({ licence: true, held: true })
  })

  it('is the only kind that shares addresses', () => {
    expect(assignmentOf(told(created(1)).state, 'main')).toMatchObject({ licence: false, held: true })
  })
})
