import type { Address } from '../domain/address.ts'
import type { Difference } from '../domain/findings.ts'
import type { OperationKind, OperationState } from '../domain/states.ts'
import { type Db, Prisma } from './client.ts'
import { pagesOf } from './pages.ts'

/** An operation that did not come to its end, as a finding shows it. */
export interface StuckOperation {
  operation: string
  kind: OperationKind
  state: OperationState
  error: string | null
  since: string
}

export type StuckDifference = Difference<StuckOperation, never> & { subject: string }

interface Row {
  id: string
  kind: OperationKind
  state: OperationState
  error: string | null
  since: Date
  service: string | null
  assignment: string | null
  address: Address | null
}

export type Stuck = ReturnType<typeof createStuck>

const pageSize = 500

const columns = Prisma.sql`
  o.id, o.kind, o.state, o.error_code as error, o.created_at as since, o.service_id as service, o.assignment_id as assignment,
  coalesce(host(a.address), o.payload ->> 'address') as address`
const tables = Prisma.sql`
  operation o left join assignment a on a.id = o.assignment_id
  left join service s on s.id = o.service_id left join server v on v.id = s.server_id`

/**
 * Operations that got stuck: those that have been open for longer than they may, and those that failed and left an
 * assignment half-way.
 */
export function createStuck(db: Db) {
  const isOpenTooLong = (connectionId: string, hours: number) => Prisma.sql`
    select ${columns} from ${tables}
    where o.state in ('queued', 'running', 'waiting', 'parked') and o.kind <> 'reconcile'
      and o.created_at < now() - ${hours}::float8 * interval '1 hour'
      and coalesce(o.connection_id, a.connection_id, v.connection_id) = ${connectionId}::uuid`
  const leftHalfWay = (connectionId: string) => Prisma.sql`
    select ${columns} from assignment h
    cross join lateral (
      select l.id from operation l where l.assignment_id = h.id and l.kind in ('allocate', 'release') order by l.seq desc limit 1) l
    join (${tables}) on o.id = l.id
    where h.state in ('pending', 'reserved', 'releasing') and o.state in ('failed', 'cancelled')
      and coalesce(o.connection_id, a.connection_id, v.connection_id) = ${connectionId}::uuid`

  return {
    /** All of a connection's, page by page. */
    async *list(connectionId: string, hours: number): AsyncGenerator<StuckDifference[]> {
      const pages = pagesOf({
        size: pageSize,
        keyOf: (row: Row) => row.id,
        read: after => db.$queryRaw<Row[]>`
          select * from (${isOpenTooLong(connectionId, hours)} union all ${leftHalfWay(connectionId)}) stuck
          where ${after ?? null}::uuid is null or id > ${after ?? null}::uuid order by id limit ${pageSize}::int`,
      })
      for await (const rows of pages) yield rows.map(toDifference)
    },

    /** Those of some operations that are still as they are. */
    async again(operations: string[]): Promise<Map<string, StuckDifference>> {
      const rows: Row[] = await db.$queryRaw`
        select ${columns} from ${tables}
        where o.id = any (${operations}::uuid[]) and o.state not in ('done', 'superseded')`
      return new Map(rows.map(row => [row.id, toDifference(row)]))
    },
  }
}

function toDifference({ id, kind, state, error, since, service, assignment, address }: Row): StuckDifference {
  return {
    class: 'stuck',
    address,
    ...(service === null ? {} : { serviceId: service }),
    ...(assignment === null ? {} : { assignmentId: assignment }),
    ours: { operation: id, kind, state, error, since: since.toISOString() },
    theirs: null,
    subject: `stuck ${id}`,
  }
}
