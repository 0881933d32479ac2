import { describe, expect, it } from 'vitest'
import { parseEvent } from '../../../src/domain/parse-event.ts'
import type { Snapshot } from '../../../src/domain/snapshot.ts'
import type { HistoryEntry } from '../../../src/simulators/ipmanager/history.ts'
import type { Sent } from '../../chaos/billing.ts'
import { type Evidence, judge } from '../../chaos/judge.ts'
import { events } from '../../helpers/events.ts'

const id = '00000000-0000-4000-8000-000000000001'
const marker = `ipb:${id}`
const address = '10.32.0.1'
const name = 's1.example.net'

function deed(what: HistoryEntry['what'], second: number, more: Partial<HistoryEntry> = {}): HistoryEntry {
  const at = new Date(1_000_000 + second * 1_000).toISOString()
  return {
    seq: 0,
    at,
    what,
    ip: address,
    by: 'bill',
    owner: 'bill',
    iptype: 'public',
    domain: `${name}.`,
    note: marker,
    ...more,
  }
}

/** One service, created once, and everything in order. */
function inOrder() {
  const event = events.created({ id: 's1' }, { id: 'e1', at: 0 })
  const parsed = parseEvent(event, new Date())
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults))
  const stamp = { t: Date.parse(event.time), s: event.source }
  const sent: Sent = { event, outcome: 'accepted', answers: [['o1']], sentAt: 0, acceptedAt: 1 }
  const snapshot: Snapshot = {
    events: [{ ...parsed.event, key: 'k1', status: 'accepted' }],
    services: [{ id: 's1', state: 'active', domain: name, created: stamp }],
    assignments: [
      {
        ...{
          id,
          service: 's1',
          slot: 'main',
          family: 4,
          state: 'active',
          address,
          requested: null,
          space: 'default',
        },
        ...{
          marker,
          licence: false,
          held: true,
          ptr: name,
          entitled: stamp,
          replaces: null,
          quarantine: null,
        },
        ...{ assignedAt: new Date(1), releasedAt: null },
      },
    ],
    operations: [
      {
        id: 'o1',
        kind: 'allocate',
        state: 'done',
        service: 's1',
        assignment: id,
        event: 'k1',
        cause: 'event:e1',
      },
    ],
    records: [{ address, space: 'default', marker, ptr: name }],
    conflicts: new Set(),
  }
  const record = { ip: address, owner: 'bill', iptype: 'public', domain: `${name}.`, note: marker }
  const held: Evidence['panel']['held'][number] = { ...record, status: 'used', protect: false }
  const panel = { history: [deed('granted', 0)], held: [held], cooldownSeconds: 5 }
  const told: Evidence['told'][number][] = []
  return { evidence: { snapshot, account: [sent], panel, told }, sent, held }
}

/** What is said about a world in which something was changed. */
function saidOf(change: (world: ReturnType<typeof inOrder>) => void): string[] {
  const world = inOrder()
  change(world)
  return judge(world.evidence).map(({ invariant, message }) => `${invariant}: ${message}`)
}

const said = (pattern: RegExp) => expect.arrayContaining([expect.stringMatching(pattern)])

describe('After chaos, the judge', () => {
  it('has nothing to say where everybody has written down the same', () => {
    expect(saidOf(() => {})).toEqual([])
  })

  it('uses the invariants', () => {
    expect(saidOf(({ evidence }) => evidence.snapshot.records.pop())).toEqual(said(/^4: /))
  })

  it('sees that billing was told of one end twice', () => {
    const twice = { operation: 'o1', type: 'address.assigned', times: 2 }
    expect(saidOf(({ evidence }) => evidence.told.push(twice))).toEqual(
      said(/^5: .* told of its end 2 times/),
    )
  })
})

describe('By what billing was told, the judge', () => {
  it('sees an event that was accepted and is lost', () => {
    const lost = saidOf(({ evidence }) => {
      evidence.account.push({ ...(evidence.account[0] as Sent), event: events.deleted('s2', { id: 'e2' }) })
    })
    expect(lost).toEqual(['2: event e2 (service.deleted) was accepted and is lost'])
  })

  it('does not mind whether an event is there of which billing never heard again', () => {
    expect(saidOf(({ sent }) => Object.assign(sent, { outcome: 'unknown', answers: [] }))).toEqual([])
    const away = saidOf(({ evidence, sent }) => {
      evidence.account.push({
        ...sent,
        event: events.deleted('s2', { id: 'e2' }),
        outcome: 'unknown',
        answers: [],
      })
    })
    expect(away).toEqual([])
  })

  it('sees an event that nobody sent, and one that is not there as it was sent', () => {
    expect(saidOf(({ evidence }) => evidence.account.pop())).toEqual(said(/^2: nobody ever sent event e1/))
    const other = events.created({ id: 's1', domain: 'other.example.net' }, { id: 'e1', at: 0 })
    expect(saidOf(({ sent }) => Object.assign(sent, { event: other }))).toEqual(
      said(/^2: .* not in the ledger as it was sent/),
    )
  })

  it('sees an event that was refused, never taken in, or answered differently the second time', () => {
    expect(
      saidOf(({ sent }) => Object.assign(sent, { outcome: 'refused', refusal: '409 event_conflict' })),
    ).toEqual(said(/^2: .* was refused: 409 event_conflict/))
    expect(saidOf(({ sent }) => Object.assign(sent, { outcome: 'under way' }))).toEqual(
      said(/^2: .* never taken in/),
    )
    expect(saidOf(({ sent }) => sent.answers.push(['o2']))).toEqual(
      said(/^2: .* different answers: o1 and o2/),
    )
  })

  it('sees an operation that was promised and is lost, or has not ended', () => {
    expect(saidOf(({ sent }) => Object.assign(sent, { answers: [['o2']] }))).toEqual(
      said(/^2: .* o2, which is lost/),
    )
    const late = saidOf(({ evidence }) =>
      Object.assign(evidence.snapshot.operations[0] ?? {}, { state: 'parked' }),
    )
    expect(late).toEqual(said(/^2: .* o1, which is parked/))
  })
})

describe('By the own books of the panel, the judge', () => {
  const oneMore = (...history: HistoryEntry[]) =>
    saidOf(({ evidence }) => {
      evidence.panel.history = [deed('granted', 0), ...history]
    })

  it('sees an address that was granted twice under one marker', () => {
    const twin = saidOf(({ evidence, held }) => {
      evidence.panel.history.push(deed('granted', 1, { ip: '10.32.0.2' }))
      evidence.panel.held.push({ ...held, ip: '10.32.0.2' })
    })
    expect(twin).toEqual([`5: ${marker} was granted 2 addresses: ${address}, 10.32.0.2`])
  })

  it('sees an address that somebody got although another one had it, or too early', () => {
    const other = { note: 'ipb:00000000-0000-4000-8000-000000000002' }
    expect(oneMore(deed('granted', 1, other))).toEqual(said(/^1: the IPAM gave 10.32.0.1 .* while/))
    expect(oneMore(deed('released', 1), deed('granted', 4, other))).toEqual(said(/^6: .* 2000 ms too early/))
    expect(oneMore(deed('released', 1), deed('granted', 6, other))).not.toEqual(said(/^6: /))
  })

  it('sees a name that was changed more often than anybody asked for', () => {
    const [once, again] = [deed('changed', 1, { domain: 'a.example.net.' }), deed('changed', 2)]
    expect(oneMore(once)).not.toEqual(said(/^5: /))
    expect(oneMore(once, again)).toEqual(said(/^5: the name under .* was changed 2 times by 1 operations/))
  })

  it('lets an operation mark a conflict, and name the address after all where the other one was gone, but not twice', () => {
    const mark = (n: number) => deed('changed', n, { domain: 'dns.set.error.' })
    const name = (n: number) => deed('changed', n, { domain: 'a.example.net.' })
    expect(oneMore(mark(1), name(2))).not.toEqual(said(/^5: /))
    expect(oneMore(mark(1), name(2), mark(3))).toEqual(said(/^5: .* was marked 2 times by 1 operations/))
  })

  it('sees a marker that was overwritten', () => {
    expect(oneMore(deed('changed', 1, { note: 'somebody else' }))).toEqual(
      said(/^5: the marker of 10.32.0.1 was changed/),
    )
  })

  it('sees another name than the ledger has', () => {
    expect(saidOf(({ held }) => Object.assign(held, { domain: '' }))).toEqual(
      said(/^7: the IPAM shows null for/),
    )
  })

  it('sees that the panel has lost what it did, or holds what it never did', () => {
    expect(saidOf(({ evidence }) => evidence.panel.held.pop())).toEqual(said(/^1: the IPAM has lost/))
    expect(saidOf(({ evidence }) => evidence.panel.history.pop())).toEqual(said(/^1: the IPAM holds more/))
  })
})
