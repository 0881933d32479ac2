import type { Address, Family } from '../domain/address.ts'
import type { OperationPayload } from '../domain/service-state.ts'
import type { Stamp } from '../domain/stamp.ts'
import type { AssignmentState, OperationKind, ServiceLife } from '../domain/states.ts'
import { batched } from './batch.ts'
import type { Db } from './client.ts'

export interface ClaimedService {
  id: string
  kind: string
  client: string
  domain: string
  guest: string | undefined
  setup: Record<string, unknown>
  state: ServiceLife
  serverId: string
  server: string
}

export interface ClaimedAssignment {
  id: string
  slot: string
  family: Family
  state: AssignmentState
  address: Address | undefined
  addressSpace: string | undefined
  licence: boolean
  held: boolean
  requested: Address | undefined
  pool: string | undefined
  /** undefined: the service's domain; '': no PTR */
  ptrWish: string | undefined
  ptrStamp: Stamp | undefined
  conflicts: number
}

/** An operation in our hands, until the lease ends or a later claim raises the epoch. */
export interface Claimed {
  id: string
  kind: OperationKind
  epoch: number
  attempts: number
  cause: string
  payload: OperationPayload
  stamp: Stamp | undefined
  createdAt: Date
  service: ClaimedService | undefined
  assignment: ClaimedAssignment | undefined
  /** The IPAM that it is about: the operation's own, else the one that gave the address, else the server's. */
  connectionId: string | undefined
}

interface ClaimedRow {
  id: string
  kind: OperationKind
  epoch: number
  attempts: number
  cause: string
  payload: OperationPayload
  stamp: Stamp | null
  created_at: Date
  connection_id: string | null
  service: (Omit<ClaimedService, 'guest'> & { guest: string | null }) | null
  assignment: { [K in keyof ClaimedAssignment]: ClaimedAssignment[K] | null } | null
}

/**
 * How operations are taken into a worker's hands: it gives the operation, or undefined where there is nothing to
 * claim: ended, taken, parked, or not yet its turn. Calls of concurrent jobs share statements.
 * @param lease who claims, as shown to operators, and for how long a claim holds without being renewed
 */
export function createClaim(db: Db, lease: { worker: string; leaseSeconds: number }) {
  const { worker, leaseSeconds } = lease

  return batched(
    async (ids: string[]): Promise<(Claimed | undefined)[]> => {
      const rows = await db.$queryRaw<ClaimedRow[]>`
        with mine as (
          update operation o
          set state = 'running', epoch = o.epoch + 1, attempts = o.attempts + 1, worker = ${worker},
              lease_until = now() + ${leaseSeconds}::float8 * interval '1 second',
              started_at = coalesce(o.started_at, now()), announce_at = null
          where o.id in (
            select q.id from operation q
            where q.id = any (${ids}::uuid[]) and q.state = 'queued'
              and not exists (
                select from operation e
                where e.service_id = q.service_id and e.id <> q.id
                  and (e.state = 'running' or (e.state = 'queued' and e.seq < q.seq)))
            for no key update skip locked)
          returning o.*),
        not_yet as (
          update operation b set announce_at = now() + 2 ^ least(b.announcements, 6) * interval '1 second'
          where b.id = any (${ids}::uuid[]) and b.state = 'queued' and b.id not in (select id from mine))
        select m.id, m.kind, m.epoch, m.attempts, m.cause, m.payload, m.stamp, m.created_at,
          coalesce(m.connection_id, a.connection_id, v.connection_id) as connection_id,
          case when s.id is not null then jsonb_build_object(
            'id', s.id, 'kind', s.kind, 'client', s.client, 'domain', s.domain,
            'guest', case when m.payload ? 'leaves' then m.payload #>> '{leaves,guest}' else s.guest end, 'setup', s.setup,
            'state', s.state, 'serverId', v.id, 'server', v.name) end as service,
          case when a.id is not null then jsonb_build_object(
            'id', a.id, 'slot', a.slot, 'family', a.family, 'state', a.state, 'address', host(a.address),
            'addressSpace', a.address_space, 'licence', a.licence, 'held', a.held, 'requested', host(a.requested),
            'pool', a.pool, 'ptrWish', a.ptr_wish, 'ptrStamp', a.ptr_stamp, 'conflicts', a.conflicts) end as assignment
        from mine m
        left join service s on s.id = m.service_id
        left join server l on l.name = m.payload #>> '{leaves,server}'
        left join server v on v.id = coalesce(l.id, s.server_id)
        left join assignment a on a.id = m.assignment_id`
      const claimed = new Map(rows.map(row => [row.id, toClaimed(row)]))
      // A worker may be told of one operation twice: of two that ask together, one has it.
      return ids.map(id => {
        const mine = claimed.get(id)
        claimed.delete(id)
        return mine
      })
    },
    { size: 200, parallel: 2 },
  )
}

function toClaimed(row: ClaimedRow): Claimed {
  return {
    id: row.id,
    kind: row.kind,
    epoch: row.epoch,
    attempts: row.attempts,
    cause: row.cause,
    payload: row.payload,
    stamp: row.stamp ?? undefined,
    createdAt: row.created_at,
    service: row.service ? (withoutNulls(row.service) as ClaimedService) : undefined,
    assignment: row.assignment ? (withoutNulls(row.assignment) as ClaimedAssignment) : undefined,
    connectionId: row.connection_id ?? undefined,
  }
}

function withoutNulls(row: object): object {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))
}
