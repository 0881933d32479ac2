import { describe, expect, it } from 'vitest'
import { nothingKnown } from '../../src/domain/service-state.ts'
import { events } from '../helpers/events.ts'
import { assignmentOf, executed, inShort, tell, tellOne, told } from '../helpers/planner.ts'

const id = 'vps-1'
const created = (at: number, more: Parameters<typeof events.created>[1] = {}) =>
  events.created({ id }, { at, ...more })
const ordered = (at: number, order = 'o1', more: object = {}) => events.ordered(id, order, { at, ...more })
const cancelled = (at: number, what: { order: string } | { address: string }) =>
  events.cancelled(id, what, { at })
const deleted = (at: number) => events.deleted(id, { at })

describe('A PTR change', () => {
  const before = executed(tell(nothingKnown, created(1)), { main: '192.0.2.7' })
  const renamed = (at: number, ptr: string | null, service: string | undefined = id) =>
    events.ptrChanged('192.0.2.7', ptr, { at, ...(service ? { service } : {}) })

  it('is written down with the address, and done', () => {
    const { state, operations } = tellOne(before, renamed(2, 'a.example.net'))
    expect(assignmentOf(state, 'main').ptrWish).toBe('a.example.net')
    expect(inShort(state, operations)).toEqual(['ptr queued main'])
  })

  it('to nothing is a wish for no name', () => {
    expect(assignmentOf(tell(before, renamed(2, null)), 'main').ptrWish).toBe('')
  })

  it('that is older than the one before is superseded: the latest one wins', () => {
    const later = tell(before, renamed(3, 'later.example.net'))
    const { state, status, operations } = tellOne(later, renamed(2, 'earlier.example.net'))
    expect(status).toBe('superseded')
    expect(inShort(state, operations)).toEqual(['ptr superseded'])
    expect(assignmentOf(state, 'main').ptrWish).toBe('later.example.net')
  })

  it('in the same moment as another one wins when it is heard of later', () => {
    const state = tell(before, renamed(2, 'one.example.net'), renamed(2, 'two.example.net'))
    expect(assignmentOf(state, 'main').ptrWish).toBe('two.example.net')
  })

  it('waits when the address is not assigned yet', () => {
    const { state, operations } = told(renamed(2, 'a.example.net'))
    expect(inShort(state, operations)).toEqual(['ptr waiting'])
    expect(state.service?.state).toBe('expected')
  })

  it('that came before the order of its address is kept for it', () => {
    const { state } = told(
      renamed(2, 'a.example.net'),
      created(1, { addresses: [{ family: 'ipv4', requested: '192.0.2.7', ptr: 'b.example.net' }] }),
    )
    expect(assignmentOf(state, 'main').ptrWish).toBe('a.example.net')
    expect(inShort(state, state.operations)).toEqual(['allocate queued main', 'ptr queued'])
  })

  it('does not outlive the cancellation of its address', () => {
    const order = (at: number) => ordered(at, 'o1', { requested: '192.0.2.7' })
    const { state } = told(
      created(1),
      order(2),
      renamed(3, 'a.example.net'),
      cancelled(4, { order: 'o1' }),
      order(5),
    )
    expect(assignmentOf(state, 'order:o1/1').ptrWish).toBeUndefined()
    const { status } = tellOne(
      tell(before, cancelled(3, { address: '192.0.2.7' })),
      renamed(2, 'a.example.net'),
    )
    expect(status).toBe('superseded')
  })

  it('that waits ends with the cancellation of its address', () => {
    const { state } = told(renamed(1, 'a.example.net'), cancelled(2, { address: '192.0.2.7' }))
    expect(inShort(state, state.operations)).toEqual(['ptr superseded', 'release queued'])
  })

  it('does not outlive the deletion of its service', () => {
    const { state } = told(created(1), renamed(2, 'a.example.net'), deleted(3), created(4))
    expect(assignmentOf(state, 'main').ptrWish).toBeUndefined()
    expect(told(created(1), deleted(3), renamed(2, 'a.example.net')).status).toBe('superseded')
  })

  it('without a service is looked up when it runs', () => {
    const { state, operations } = told(events.ptrChanged('192.0.2.7', 'a.example.net'))
    expect(state.service).toBeUndefined()
    expect(operations).toMatchObject([
      { kind: 'ptr', state: 'queued', payload: { address: '192.0.2.7', ptr: 'a.example.net' } },
    ])
  })

  it('by the creation that is repeated counts as one at that time', () => {
    const named = (at: number, ptr: string) => created(at, { addresses: [{ family: 'ipv4', ptr }] })
    const renamedThen = tell(before, renamed(3, 'client.example.net'))
    expect(assignmentOf(tell(renamedThen, named(2, 'early.example.net')), 'main').ptrWish).toBe(
      'client.example.net',
    )
    expect(assignmentOf(tell(renamedThen, named(4, 'late.example.net')), 'main').ptrWish).toBe(
      'late.example.net',
    )
  })
})
