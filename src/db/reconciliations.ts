import type { Address } from '../domain/address.ts'
import { type Difference, type FindingAction, type OurEntry, streakKey } from '../domain/findings.ts'
import { assignmentOfMarker, type Marker, markerOf } from '../domain/marker.ts'
import type { Db } from './client.ts'
import { newId } from './ids.ts'

/** A finding as it is stored: a difference, and what the plan would do about it. */
export interface StoredFinding extends Difference {
  id: string
  action: FindingAction
  streak: number
}

interface OurRow {
  id: string
  service_id: string
  address: Address
  ptr: string | null
  conflicts: number
}

export type Reconciliations = ReturnType<typeof createReconciliations>

const pageSize = 2_000

/** What reconciliation reads of the ledger, and the plans that it writes. */
export function createReconciliations(db: Db) {
  return {
    async begin(connectionId: string, operationId: string): Promise<string> {
      const id = newId()
      // A run that died left its row open; the new run takes its place.
      await db.$executeRaw`
        update reconciliation set state = 'failed', ended_at = now(), remark = 'interrupted; a later run took its place'
        where connection_id = ${connectionId}::uuid and state = 'running'`
      await db.reconciliation.create({ data: { id, connectionId, operationId, state: 'running' } })
      return id
    },

    /** Live assignments of a connection that hold an address and are not being worked on, by address. */
    async *ledger(connectionId: string): AsyncGenerator<OurEntry> {
      for (let after: Address | undefined; ; ) {
        const rows: OurRow[] = await db.$queryRaw`
          select a.id, a.service_id, a.address, a.ptr, a.conflicts from assignment a
          where a.connection_id = ${connectionId}::uuid and a.state in ('reserved', 'active') and a.held
            and (${after ?? null}::inet is null or a.address > ${after ?? null}::inet)
          order by a.address limit ${pageSize}::int`
        yield* rows.map(toEntry)
        after = rows.at(-1)?.address
        if (rows.length < pageSize) return
      }
    },

    /** The live assignment at each address, unless work on its service is under way. */
    async at(
      connectionId: string,
      addresses: Address[],
    ): Promise<{ entries: Map<Address, OurEntry>; busy: Set<Address> }> {
      const rows = await db.$queryRaw<(OurRow & { busy: boolean; listed: boolean })[]>`
        select a.id, a.service_id, a.address, a.ptr, a.conflicts, a.state in ('reserved', 'active') as listed,
          a.state in ('pending', 'releasing') or exists (
            select from operation o where o.service_id = a.service_id and o.state in ('queued', 'running', 'waiting')) as busy
        from assignment a
        where a.connection_id = ${connectionId}::uuid and a.address = any (${addresses}::inet[]) and a.held and a.state <> 'released'`
      return {
        entries: new Map(rows.filter(row => row.listed).map(row => [row.address, toEntry(row)])),
        busy: new Set(rows.filter(row => row.busy).map(row => row.address)),
      }
    },

    /** What it means that an IPAM record carries each of these markers without a live assignment at its address. */
    async meanings(markers: Marker[]): Promise<Map<Marker, 'orphan' | 'conflict' | 'in flight'>> {
      const ids = markers.flatMap(marker => assignmentOfMarker(marker) ?? [])
      const conflicts = await db.$queryRaw<{ marker: string }[]>`
        select marker from conflict where marker = any (${markers}::text[]) and resolved_at is null`
      const busy = await db.$queryRaw<{ id: string }[]>`
        select a.id from assignment a where a.id = any (${ids}::uuid[]) and (a.state in ('pending', 'releasing') or exists (
          select from operation o where o.assignment_id = a.id and o.state in ('queued', 'running', 'waiting', 'parked')))`
      const conflicting = new Set(conflicts.map(row => row.marker))
      const inFlight = new Set(busy.map(row => row.id))
      return new Map(
        markers.map(marker => {
          if (conflicting.has(marker)) return [marker, 'conflict']
          return [marker, inFlight.has(assignmentOfMarker(marker) ?? '') ? 'in flight' : 'orphan']
        }),
      )
    },

    /** How often in a row each difference was seen before: class, address and marker as one key. */
    async streaks(connectionId: string): Promise<Map<string, number>> {
      const rows = await db.$queryRaw<
        { class: string; address: Address; marker: string | null; streak: number }[]
      >`
        select f.class, f.address, f.theirs ->> 'marker' as marker, f.streak from finding f
        where f.reconciliation_id = (
          select id from reconciliation
          where connection_id = ${connectionId}::uuid and state in ('planned', 'applied') order by id desc limit 1)`
      return new Map(
        rows.map(row => [streakKey(row.class, row.address, row.marker ?? undefined), row.streak]),
      )
    },

    /** Writes the plan down. */
    async finish(
      id: string,
      plan: {
        state: 'planned' | 'stopped'
        hash?: string
        compared: number
        remark?: string
        findings: StoredFinding[]
      },
    ): Promise<void> {
      const counts: Record<string, number> = {}
      for (const finding of plan.findings) counts[finding.class] = (counts[finding.class] ?? 0) + 1
      await db.$transaction([
        db.finding.createMany({
          data: plan.findings.map(({ ours, theirs, ...finding }) => ({
            ...finding,
            ...(ours === null ? {} : { ours: { ...ours } }),
            ...(theirs === null ? {} : { theirs: { ...theirs } }),
            reconciliationId: id,
          })),
        }),
        db.reconciliation.update({
          where: { id },
          data: {
            state: plan.state,
            hash: plan.hash ?? null,
            counts,
            compared: plan.compared,
            remark: plan.remark ?? null,
            endedAt: new Date(),
          },
        }),
      ])
    },
  }
}

function toEntry(row: OurRow): OurEntry {
  return {
    assignmentId: row.id,
    serviceId: row.service_id,
    address: row.address,
    marker: markerOf(row),
    ptr: row.ptr,
  }
}
