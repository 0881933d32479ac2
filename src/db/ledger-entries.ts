import type { Address } from '../domain/address.ts'
import type { Meaning, OurEntry } from '../domain/findings.ts'
import { assignmentOfMarker, isMadeHere, type Marker, markerOf } from '../domain/marker.ts'
import { type Db, Prisma } from './client.ts'
import { pagesOf } from './pages.ts'
import { isBusy, workOf } from './service-work.ts'

/** What the ledger says about an address at one moment. */
export interface Sight {
  /** The live assignment that holds it. */
  entry: OurEntry | undefined
  /** Whether its service is being worked on. */
  busy: boolean
  /** Changes with everything that is done for its service, so that two looks can be told apart. */
  work: string
  /** Since when its service has it; undefined as long as that is not settled. */
  assignedAt: Date | undefined
}

interface Row {
  id: string
  service_id: string
  slot: string
  address: Address
  ptr: string | null
  pool: string | null
  conflicts: number
}

export type LedgerEntries = ReturnType<typeof createLedgerEntries>

/** How many assignments are read with one query. */
const pageSize = 1_000

const columns = Prisma.sql`a.id, a.service_id, a.slot, a.address, a.ptr, a.pool, a.conflicts`
const owner = Prisma.sql`a.service_id`
const isListed = Prisma.sql`a.state in ('reserved', 'active') and a.held`

/** The ledger, as reconciliation reads it: page by page, and again at single addresses. */
export function createLedgerEntries(db: Db) {
  return {
    /** Live assignments of a connection that hold an address, ascending by address, after one of them. */
    async *list(connectionId: string, after: Address | undefined): AsyncGenerator<OurEntry> {
      const pages = pagesOf({
        size: pageSize,
        after,
        keyOf: (row: Row) => row.address,
        read: last => db.$queryRaw<Row[]>`
          select ${columns} from assignment a
          where a.connection_id = ${connectionId}::uuid and ${isListed}
            and (${last ?? null}::inet is null or a.address > ${last ?? null}::inet)
          order by a.address limit ${pageSize}::int`,
      })
      for await (const rows of pages) for (const row of rows) yield toEntry(row)
    },

    async count(connectionId: string): Promise<number> {
      const [row] = await db.$queryRaw<{ count: number }[]>`
        select count(*)::int as count from assignment a where a.connection_id = ${connectionId}::uuid and ${isListed}`
      return row?.count ?? 0
    },

    /** What the ledger says about some addresses now; nothing about those that nobody has. */
    async at(connectionId: string, addresses: Address[]): Promise<Map<Address, Sight>> {
      const rows = await db.$queryRaw<
        (Row & { listed: boolean; busy: boolean; work: string; assigned_at: Date | null })[]
      >`
        select ${columns}, a.assigned_at, a.state in ('reserved', 'active') as listed,
          a.state in ('pending', 'releasing') or ${isBusy(owner)} as busy, ${workOf(owner)} as work
        from assignment a
        where a.connection_id = ${connectionId}::uuid and a.address = any (${addresses}::inet[]) and a.held and a.state <> 'released'`
      return new Map(
        rows.map(row => [
          row.address,
          {
            entry: row.listed ? toEntry(row) : undefined,
            busy: row.busy,
            work: row.work,
            assignedAt: row.assigned_at ?? undefined,
          },
        ]),
      )
    },

    /** What it means that an IPAM record carries each of these markers without a live assignment at its address. */
    async meanings(markers: Marker[]): Promise<Map<Marker, Meaning>> {
      if (markers.length === 0) return new Map()
      const ids = markers.flatMap(marker => assignmentOfMarker(marker) ?? [])
      const conflicts = await db.$queryRaw<{ marker: string }[]>`
        select marker from conflict where marker = any (${markers}::text[]) and resolved_at is null`
      const known = await db.$queryRaw<{ id: string; busy: boolean }[]>`
        select a.id, a.state in ('pending', 'releasing') or exists (
          select from operation o where o.assignment_id = a.id and o.state in ('queued', 'running', 'waiting', 'parked')) as busy
        from assignment a where a.id = any (${ids}::uuid[])`
      // A release of an orphan knows its marker only. What becomes another service's waits for that, even where it failed.
      const leaving = await db.$queryRaw<{ marker: string }[]>`
        select o.payload ->> 'marker' as marker from operation o
        where o.state in ('queued', 'running', 'waiting') and o.kind = 'release' and o.assignment_id is null
          and o.payload ->> 'marker' = any (${markers}::text[])
        union
        select o.payload ->> 'from' from conflict k join operation o on o.id = any (k.decisions::uuid[])
        where k.resolved_at is null and o.state in ('queued', 'running', 'waiting', 'parked', 'failed')
          and o.payload ->> 'from' = any (${markers}::text[])`
      const conflicting = new Set(conflicts.map(row => row.marker))
      const leavingMarkers = new Set(leaving.map(row => row.marker))
      const isBusy = new Map(known.map(row => [row.id, row.busy]))
      return new Map(
        markers.map((marker): [Marker, Meaning] => {
          if (conflicting.has(marker)) return [marker, 'conflict']
          const busy = isBusy.get(assignmentOfMarker(marker) ?? '')
          if (leavingMarkers.has(marker) || busy) return [marker, 'in flight']
          return [marker, busy === undefined && isMadeHere(marker) ? 'lost' : 'orphan']
        }),
      )
    },
  }
}

function toEntry(row: Row): OurEntry {
  return {
    assignmentId: row.id,
    serviceId: row.service_id,
    slot: row.slot,
    address: row.address,
    marker: markerOf(row),
    ptr: row.ptr,
    ...(row.pool === null ? {} : { pool: row.pool }),
  }
}
