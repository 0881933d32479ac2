import { describe, expect, it } from 'vitest'
import { checkInvariants } from '../../src/domain/invariants.ts'
import { markerOf } from '../../src/domain/marker.ts'
import { parseEvent } from '../../src/domain/parse-event.ts'
import type { AssignmentRecord, ServiceRecord, Snapshot } from '../../src/domain/snapshot.ts'
import { events } from '../helpers/events.ts'

const stamp = { t: 0, s: '/billing' }

function assignmentOf(id: string, service: string, address: string): AssignmentRecord {
  return {
    id,
    service,
    slot: 'main',
    family: 4,
    state: 'active',
    address,
    requested: null,
    space: 'default',
    marker: markerOf({ id, conflicts: 0 }),
    licence: false,
    held: true,
    ptr: `${service}.example.net`,
    entitled: stamp,
    replaces: null,
    assignedAt: new Date(0),
    releasedAt: null,
    quarantine: 60,
  }
}

const recordOf = ({ address, marker, ptr }: AssignmentRecord) => ({
  address: address ?? '',
  space: 'default',
  marker,
  ptr: ptr ?? undefined,
})

const serviceOf = (id: string): ServiceRecord => ({
  id,
  state: 'active',
  domain: `${id}.example.net`,
  created: stamp,
})

/** Two services with an address each, and everything in order. */
function inOrder() {
  const [a, b] = [assignmentOf('a', 's1', '192.0.2.1'), assignmentOf('b', 's2', '192.0.2.2')]
  const operations: Snapshot['operations'] = [a, b].map(({ id, service }) => ({
    id: `allocate-${id}`,
    kind: 'allocate',
    state: 'done',
    service,
    assignment: id,
    event: null,
    cause: 'operator:test',
  }))
  const snapshot: Snapshot = {
    events: [],
    services: [serviceOf('s1'), serviceOf('s2')],
    assignments: [a, b],
    operations,
    records: [recordOf(a), recordOf(b)],
    conflicts: new Set(),
  }
  return { snapshot, a, b, operation: operations[0] as (typeof operations)[number] }
}

function accepted(input: object) {
  const parsed = parseEvent(input, new Date())
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults))
  return parsed.event
}

/** The invariants that are broken once something was changed. */
function brokenBy(change: (world: ReturnType<typeof inOrder>) => void, quiet = true): number[] {
  const world = inOrder()
  change(world)
  return [...new Set(checkInvariants(world.snapshot, { quiet }).map(violation => violation.invariant))].sort()
}

describe('The invariants', () => {
  it('hold where ledger and IPAM agree and all has ended', () => {
    expect(brokenBy(() => {})).toEqual([])
  })

  it('1: see an address that two live assignments have, and not one that a licence shares', () => {
    const share = ({ a, b, snapshot }: ReturnType<typeof inOrder>) => {
      b.address = a.address
      snapshot.records.pop()
    }
    expect(brokenBy(share, false)).toEqual([1])
    expect(
      brokenBy(world => {
        share(world)
        Object.assign(world.b, { licence: true, held: false })
      }),
    ).toEqual([])
  })

  it('1: see an address that the IPAM holds twice, and a slot that has two assignments', () => {
    expect(brokenBy(({ snapshot, a }) => snapshot.records.push(recordOf(a)), false)).toEqual([1])
    expect(brokenBy(({ b }) => Object.assign(b, { service: 's1' }), false)).toContain(1)
  })

  it('2: see an event that led to nothing, and an operation that comes from nowhere', () => {
    const event = { ...accepted(events.created({ id: 's1' })), key: 'e1', status: 'accepted' }
    expect(brokenBy(({ snapshot }) => snapshot.events.push(event), false)).toEqual([2])
    expect(
      brokenBy(({ operation }) => {
        operation.cause = 'nowhere'
      }),
    ).toEqual([2])
  })

  it('3: see a service that is not what its latest event says', () => {
    const event = { ...accepted(events.deleted('s1')), key: 'e1', status: 'accepted' }
    expect(
      brokenBy(({ snapshot, operation }) => {
        snapshot.events.push(event)
        operation.event = 'e1'
      }),
    ).toEqual([3])
  })

  it('4: see a record without an assignment, and an assignment without its record', () => {
    expect(brokenBy(({ snapshot }) => snapshot.records.pop())).toEqual([4])
    expect(brokenBy(({ b }) => Object.assign(b, { state: 'released', releasedAt: new Date(1) }))).toContain(4)
  })

  it('6: see an address that was handed out again before its quarantine ended', () => {
    const handOn = (seconds: number) =>
      brokenBy(({ snapshot, a }) => {
        const former = { ...assignmentOf('f', 's2', a.address ?? ''), slot: 'order:1/1' }
        snapshot.assignments.push({ ...former, state: 'released', releasedAt: new Date(1_000) })
        a.assignedAt = new Date(1_000 + seconds * 1_000)
      })
    expect(handOn(30)).toEqual([6])
    expect(handOn(61)).toEqual([])
  })

  it('7: see a name that is left after a release', () => {
    const release = ({ snapshot, b }: ReturnType<typeof inOrder>) => {
      Object.assign(b, { state: 'released', releasedAt: new Date(1) })
      snapshot.conflicts = new Set()
    }
    expect(brokenBy(release, false)).toEqual([7])
  })

  it("7: see another service's domain, also where the ledger has no name at all", () => {
    const misname = (ptr: string | null) => (world: ReturnType<typeof inOrder>) => {
      const [record] = world.snapshot.records
      if (record) record.ptr = 's2.example.net'
      world.a.ptr = ptr
    }
    expect(brokenBy(misname('s1.example.net'))).toEqual([7])
    expect(brokenBy(misname(null))).toEqual([7])
    // Whoever wished for it may have it.
    expect(brokenBy(misname('s2.example.net'))).toEqual([])
    expect(
      brokenBy(world => {
        misname(null)(world)
        world.a.state = 'reserved'
      }, false),
    ).toEqual([])
  })

  it('8: see work that has not ended, once all is quiet', () => {
    const begin = ({ operation }: ReturnType<typeof inOrder>) => {
      operation.state = 'running'
    }
    expect(brokenBy(begin)).toEqual([8])
    expect(brokenBy(begin, false)).toEqual([])
    expect(
      brokenBy(({ operation }) => {
        operation.state = 'parked'
      }),
    ).toEqual([])
  })

  it('see one marker on two records, and what a guest has that its service has not', () => {
    const { snapshot, a } = inOrder()
    const twin = { ...recordOf(a), address: '192.0.2.9' }
    const guests = [{ service: 's1', addresses: ['192.0.2.1', '192.0.2.2'] }]
    const found = checkInvariants(
      { ...snapshot, records: [twin, ...snapshot.records], guests },
      { quiet: true },
    )
    expect(found.map(({ message }) => message)).toEqual([
      'one marker is on two records: ipb:a (192.0.2.9 and 192.0.2.1)',
      'the guest of service s1 still has 192.0.2.2, which the service has not',
    ])
  })
})
