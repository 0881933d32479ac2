import type { LedgerEntries } from '../../src/db/ledger-entries.ts'
import type { LedgerGuests, ListedService } from '../../src/db/ledger-guests.ts'
import type { Stuck, StuckDifference } from '../../src/db/stuck.ts'
import type { Meaning, OurEntry } from '../../src/domain/findings.ts'
import { assignmentOfMarker, isMadeHere, type Marker, markerOf } from '../../src/domain/marker.ts'
import { isFinal, isTerminal } from '../../src/domain/states.ts'
import { ascendingly } from './order.ts'
import { space } from './snapshot.ts'
import type { AssignmentRow, OperationRow, Tables } from './tables.ts'

/** A statement's way to the ledger and back. */
export type Call = <T>(what: string, work: () => T) => Promise<T>

const isOpen = ({ state }: OperationRow) => !isTerminal(state)
const isLive = ({ state }: AssignmentRow) => state === 'reserved' || state === 'active'

/** What src/db/service-work.ts asks of a service. */
function workOf(tables: Tables, service: string): { busy: boolean; work: string } {
  const all = tables.operationsOf(service)
  const max = (of: (o: OperationRow) => number) => all.reduce((most, o) => Math.max(most, of(o)), 0)
  return {
    busy: all.some(o => isOpen(o) && o.state !== 'parked'),
    work: [all.length, max(o => o.seq), max(o => o.epoch), max(o => o.endedAt ?? 0)].join(' '),
  }
}

function toEntry({ id, service, slot, address = '', conflicts, ptr, pool }: AssignmentRow): OurEntry {
  const entry = {
    assignmentId: id,
    serviceId: service,
    slot,
    address,
    marker: markerOf({ id, conflicts }),
    ptr,
  }
  return pool === undefined ? entry : { pool, ...entry }
}

/** What src/db/ledger-entries.ts reads in SQL. */
export function ledgerEntries(tables: Tables, call: Call): LedgerEntries {
  const listed = () => [...tables.assignments.values()].filter(a => isLive(a) && a.held)

  return {
    async *list(_connection, after) {
      const whole = await call('list the ledger', () => ascendingly(listed().map(toEntry)))
      const from = after === undefined ? 0 : whole.findIndex(({ address }) => address === after) + 1
      yield* whole.slice(from)
    },
    count: () => call('count the ledger', () => listed().length),
    at: (_connection, addresses) =>
      call('look at addresses', () => {
        const wanted = new Set(addresses)
        const rows = [...tables.assignments.values()].filter(
          a => a.held && a.state !== 'released' && wanted.has(a.address ?? ''),
        )
        return new Map(
          rows.map(row => {
            const { busy, work } = workOf(tables, row.service)
            const assignedAt = row.assignedAt === undefined ? undefined : new Date(row.assignedAt)
            const sight = {
              entry: isLive(row) ? toEntry(row) : undefined,
              busy: busy || !isLive(row),
              work,
              assignedAt,
            }
            return [row.address ?? '', sight]
          }),
        )
      }),
    meanings: markers => call('look at markers', () => new Map(markers.map(m => [m, meaningOf(tables, m)]))),
  }
}

function meaningOf({ conflicts, assignments, operations, openOperations }: Tables, marker: Marker): Meaning {
  if ([...conflicts.values()].some(c => c.marker === marker && !c.isResolved)) return 'conflict'
  const id = assignmentOfMarker(marker) ?? ''
  const row = assignments.get(id)
  const isComing = row?.state === 'pending' || row?.state === 'releasing'
  const open = openOperations()
  const isLeaving = open.some(
    o =>
      o.kind === 'release' &&
      o.state !== 'parked' &&
      o.assignment === undefined &&
      o.payload.marker === marker,
  )
  const isPassedOn = [...conflicts.values()].some(
    c =>
      !c.isResolved &&
      c.decisions.some(id => {
        const o = operations.get(id)
        return o?.payload.from === marker && !isFinal(o.state)
      }),
  )
  if (isLeaving || isPassedOn || isComing || open.some(o => o.assignment === id)) return 'in flight'
  return row === undefined && isMadeHere(marker) ? 'lost' : 'orphan'
}

/** What src/db/ledger-guests.ts reads in SQL. A server's id is its name. */
export function ledgerGuests(tables: Tables, servers: string[], call: Call): LedgerGuests {
  const on = (server: string) => [...tables.services.values()].filter(s => s.server === server)

  function listed(service: ReturnType<typeof on>[number]): ListedService {
    const { id, kind = '', client = '', domain = '', guest, setup } = service
    const mine = tables
      .assignmentsOf(id)
      .flatMap(a =>
        a.state !== 'released' && a.address !== undefined
          ? [{ assignmentId: a.id, address: a.address, settled: a.state === 'active' && a.held }]
          : [],
      )
    return {
      service: { id, kind, client, domain, guest, setup },
      entry: { id, guest, addresses: ascendingly(mine) },
    }
  }

  return {
    servers: () => call('list the servers', () => servers.map(name => ({ id: name, name }))) as never,
    async *servicesOn(server, deleted) {
      yield await call('list the services', () =>
        on(server)
          .filter(({ state }) => deleted || state !== 'deleted')
          .map(listed),
      )
    },
    services: (server, ids) =>
      call('look at services', () => {
        const wanted = on(server).filter(({ id }) => ids.includes(id))
        return new Map(
          wanted.map(service => [service.id, { ...workOf(tables, service.id), ...listed(service) }]),
        )
      }),
    takenOver: async () => ({ addresses: [], moved: false }),
    tenants: (_connection, addresses) =>
      call('look who has addresses', () => {
        const wanted = new Set(addresses)
        return new Map(
          [...tables.assignments.values()].flatMap(a =>
            a.state === 'active' && !a.licence && a.space === space && wanted.has(a.address ?? '')
              ? [
                  [
                    a.address ?? '',
                    { service: a.service, guest: tables.services.get(a.service)?.guest ?? null },
                  ],
                ]
              : [],
          ),
        )
      }),
  }
}

/** What src/db/stuck.ts reads in SQL. */
export function stuckOperations(tables: Tables, now: () => number, call: Call): Stuck {
  function toDifference(row: OperationRow): StuckDifference {
    const { id, kind, state, error, createdAt, service, assignment, payload } = row
    return {
      class: 'stuck',
      address: tables.assignments.get(assignment ?? '')?.address ?? payload.address ?? null,
      ...(service === undefined ? {} : { serviceId: service }),
      ...(assignment === undefined ? {} : { assignmentId: assignment }),
      ours: {
        operation: id,
        kind,
        state,
        error: error?.code ?? null,
        since: new Date(createdAt).toISOString(),
      },
      theirs: null,
      subject: `stuck ${id}`,
    }
  }

  function find(hours: number): OperationRow[] {
    const tooLong = tables
      .openOperations()
      .filter(o => o.kind !== 'reconcile' && o.createdAt < now() - hours * 3_600_000)
    const halfWay = [...tables.assignments.values()].flatMap(a => {
      if (a.state === 'active' || a.state === 'released') return []
      const last = tables
        .operationsOf(a.service)
        .filter(o => o.assignment === a.id && (o.kind === 'allocate' || o.kind === 'release'))
        .reduce<OperationRow | undefined>(
          (newest, o) => (newest && newest.seq > o.seq ? newest : o),
          undefined,
        )
      return last && (last.state === 'failed' || last.state === 'cancelled') ? [last] : []
    })
    return [...tooLong, ...halfWay]
  }

  return {
    async *list(_connection, hours) {
      yield await call('look for stuck operations', () => find(hours).map(toDifference))
    },
    again: ids =>
      call('look at operations', () => {
        const rows = ids.flatMap(id => tables.operations.get(id) ?? [])
        const open = rows.filter(({ state }) => state !== 'done' && state !== 'superseded')
        return new Map(open.map(row => [row.id, toDifference(row)]))
      }),
  }
}
