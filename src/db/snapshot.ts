import type { BillingEvent } from '../domain/events.ts'
import { type Marker, markerOf } from '../domain/marker.ts'
import type { Snapshot } from '../domain/snapshot.ts'
import type { Stamp } from '../domain/stamp.ts'
import type { IpamDriver } from '../ipam/driver.ts'
import type { Db } from './client.ts'

/**
 * Reads all that there is, to judge it by the invariants. Meant for tests, demonstrations and small
 * installations: it holds everything in memory.
 *
 * @param listOf the driver of a connection, or whatever else knows what its IPAM holds
 */
export async function takeSnapshot(
  db: Db,
  listOf: (connectionId: string) => Promise<Pick<IpamDriver, 'list'>>,
): Promise<Snapshot> {
  const [connections, events, services, assignments, operations, conflicts, quarantines] = await Promise.all([
    db.connection.findMany(),
    db.event.findMany({ orderBy: { id: 'asc' } }),
    db.service.findMany(),
    db.assignment.findMany({ orderBy: { id: 'asc' } }),
    db.operation.findMany({ omit: { payload: true } }),
    db.conflict.findMany({ where: { resolvedAt: null } }),
    db.$queryRaw<{ assignment: string; seconds: number }[]>`
      select a.id as assignment, p.quarantine_seconds as seconds
      from assignment a join pool p on p.connection_id = a.connection_id and p.cidr >>= a.address`,
  ])
  const seconds = new Map(quarantines.map(row => [row.assignment, row.seconds]))
  const records: Snapshot['records'] = []
  for (const { id, addressSpace } of connections) {
    for await (const { address, marker, ptr } of (await listOf(id)).list(AbortSignal.timeout(60_000))) {
      records.push({ address, space: addressSpace, marker, ptr })
    }
  }
  return {
    events: events.map(({ id, eventId, source, type, time, sequence, data, status }) => {
      const event = { id: eventId, source, type, time, ...(sequence === null ? {} : { sequence }), data }
      return { ...(event as unknown as BillingEvent), key: id, status }
    }),
    services: services.map(({ id, state, domain, createdStamp }) => ({
      id,
      state: state as 'active',
      domain,
      created: createdStamp as unknown as Stamp | null,
    })),
    assignments: assignments.map(row => ({
      id: row.id,
      service: row.serviceId,
      slot: row.slot,
      family: row.family,
      state: row.state as 'active',
      address: row.address,
      requested: row.requested,
      space: row.addressSpace,
      marker: markerOf(row),
      licence: row.licence,
      held: row.held,
      ptr: row.ptr,
      entitled: row.entitled as unknown as Stamp,
      replaces: row.replaces,
      assignedAt: row.assignedAt,
      releasedAt: row.releasedAt,
      quarantine: seconds.get(row.id) ?? null,
    })),
    operations: operations.map(row => ({
      id: row.id,
      kind: row.kind as 'allocate',
      state: row.state as 'done',
      service: row.serviceId,
      assignment: row.assignmentId,
      event: row.eventId,
      cause: row.cause,
    })),
    records,
    conflicts: new Set<Marker>(conflicts.map(row => row.marker)),
  }
}
