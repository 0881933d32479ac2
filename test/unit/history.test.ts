import { describe, expect, it } from 'vitest'
import { checkHistory, type Seen } from '../../src/domain/history.ts'
import type { Snapshot } from '../../src/domain/snapshot.ts'

const nothing: Snapshot = {
  events: [],
  services: [],
  assignments: [],
  operations: [],
  records: [],
  conflicts: new Set(),
}
const [a, b] = ['ipb:00000000-0000-7000-8000-00000000000a', 'ipb:00000000-0000-7000-8000-00000000000b']
const address = '192.0.2.1'

const judged = (...history: Seen[]) =>
  checkHistory(history, nothing, { quarantineMs: 60_000 }).map(({ invariant }) => invariant)

const told = (what: 'assigned' | 'released', service: string): Seen => ({
  kind: 'told',
  at: 0,
  what,
  service,
  address,
  held: true,
})
const ended = (operation: string, state: 'done' | 'failed'): Seen => ({
  kind: 'ended',
  at: 0,
  operation,
  state,
})

function record(
  call: string,
  operation: string | undefined,
  change: { from?: string; to?: string; at?: number; where?: string; name?: string },
): Seen {
  const { from, to, at = 0, where = address, name } = change
  const held = (marker: string | undefined) => (marker === undefined ? undefined : { marker, ptr: undefined })
  const by = operation === undefined ? undefined : { operation, call }
  return { kind: 'record', at, address: where, by, before: held(from), after: held(to), name }
}

describe('A history', () => {
  it('in which all is well violates nothing', () => {
    expect(
      judged(
        record('request', 'o1', { to: a }),
        ended('o1', 'done'),
        told('assigned', 's1'),
        record('release', 'o2', { from: a }),
        ended('o2', 'done'),
        told('released', 's1'),
        record('request', 'o3', { to: b, at: 60_000 }),
        told('assigned', 's2'),
      ),
    ).toEqual([])
  })

  it('in which billing is told of two services with one address violates invariant 1', () => {
    expect(judged(told('assigned', 's1'), told('assigned', 's2'))).toEqual([1])
  })

  it('in which an accepted event is not there violates invariant 2; one without an answer may be lost', () => {
    const sent = { kind: 'event' as const, at: 0, source: '/billing', id: 'e1', operations: [] }
    expect(judged({ ...sent, answer: 'ok' })).toEqual([2])
    expect(judged({ ...sent, answer: 'unknown' })).toEqual([])
  })

  it('in which an operation ends twice violates invariant 2, unless it failed first', () => {
    expect(judged(ended('o1', 'done'), ended('o1', 'done'))).toEqual([2])
    expect(judged(ended('o1', 'failed'), ended('o1', 'done'))).toEqual([])
  })

  it('in which one operation is granted two addresses violates invariant 5', () => {
    const second = record('request', 'o1', { to: a, where: '192.0.2.2' })
    expect(judged(record('request', 'o1', { to: a }), second)).toEqual([5])
  })

  it('in which somebody takes the address away by hand in between violates nothing', () => {
    const byHand = record('by hand', undefined, { from: a })
    const second = record('request', 'o1', { to: a, where: '192.0.2.2' })
    expect(judged(record('request', 'o1', { to: a }), byHand, second)).toEqual([])
  })

  it('in which an operation changes something after its end violates invariant 5', () => {
    expect(judged(ended('o1', 'done'), record('request', 'o1', { to: a }))).toEqual([5])
  })

  it('in which an address does not rest before another service gets it violates invariant 6', () => {
    const released = record('release', 'o1', { from: a })
    const services = [
      { id: a.slice(4), service: 's1' },
      { id: b.slice(4), service: 's2' },
    ] as Snapshot['assignments']
    const snapshot = { ...nothing, assignments: services }
    const early = [released, record('request', 'o2', { to: b, at: 59_000 })]
    const own = [released, record('request', 'o2', { to: a, at: 59_000 })]
    const check = (history: Seen[]) => checkHistory(history, snapshot, { quarantineMs: 60_000 })
    expect(check(early)).toMatchObject([{ invariant: 6 }])
    expect(check(own)).toEqual([])
  })

  it('in which a name is removed twice violates invariant 5, unless it was given anew in between', () => {
    const removed = record('setPtr', 'o1', { from: a, to: a })
    const named = { ...removed, after: { marker: a, ptr: 'new.example.net' } } as Seen
    expect(judged(removed, removed)).toEqual([5])
    expect(judged(removed, named, removed)).toEqual([])
  })

  it('in which an address is handed out with an old name violates invariant 7', () => {
    expect(judged(record('request', 'o1', { to: a, name: 'old.example.net' }))).toEqual([7])
  })

  it('in which something is taken away that one run found violates invariant 10', () => {
    const found = (run: number): Seen => ({ kind: 'found', at: 0, run, subject: 'orphan' })
    const taken: Seen = { kind: 'taken', at: 0, run: 2, subject: 'orphan' }
    expect(judged(found(2), taken)).toEqual([10])
    expect(judged(found(1), found(2), taken)).toEqual([])
  })
})
