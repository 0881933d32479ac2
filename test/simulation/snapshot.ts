import type { BillingEvent } from '../../src/domain/events.ts'
import { markerOf } from '../../src/domain/marker.ts'
import type { Snapshot } from '../../src/domain/snapshot.ts'
import type { IpamRecord } from '../../src/ipam/driver.ts'
import type { Tables } from './tables.ts'

export const space = 'default'
export const connection = 'ipam'

/** Everything as it is, to be judged by the invariants. */
export function snapshotOf(
  tables: Tables,
  records: Iterable<IpamRecord>,
  guests: NonNullable<Snapshot['guests']>,
  names: ReadonlyMap<string, string>,
): Snapshot {
  return {
    events: [...tables.events.values()].map(
      ({ id, event_id, source, type, time, sequence, data, status }) => {
        const event = { id: event_id, source, type, time, ...(sequence === null ? {} : { sequence }), data }
        return { key: id, status, ...(event as unknown as BillingEvent) }
      },
    ),
    services: [...tables.services.values()].map(({ id, state, domain, created }) => ({
      id,
      state,
      domain: domain ?? null,
      created: created ?? null,
    })),
    assignments: [...tables.assignments.values()].map(row => ({
      quarantine: null,
      marker: markerOf(row),
      ...row,
      address: row.address ?? null,
      requested: row.requested ?? null,
      space: row.space ?? null,
      replaces: row.replaces ?? null,
      assignedAt: row.assignedAt === undefined ? null : new Date(row.assignedAt),
      releasedAt: row.releasedAt === undefined ? null : new Date(row.releasedAt),
    })),
    operations: [...tables.operations.values()].map(
      ({ id, kind, state, service, assignment, event, cause }) => ({
        id,
        kind,
        state,
        service: service ?? null,
        assignment: assignment ?? null,
        event: event ?? null,
        cause,
      }),
    ),
    records: [...records].map(({ address, marker, ptr }) => ({ address, space, marker, ptr })),
    conflicts: new Set([...tables.conflicts.values()].filter(c => !c.isResolved).map(c => c.marker)),
    names: [...names].map(([address, ptr]) => ({ address, space, ptr })),
    guests,
  }
}
