import type { Address, Family } from '../domain/address.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { OperationPayload } from '../domain/service-state.ts'
import type { Stamp } from '../domain/stamp.ts'
import { type AssignmentState, isTerminal, type OperationKind, type ServiceLife } from '../domain/states.ts'
import { batched } from './batch.ts'
import type { Db } from './client.ts'

/** What the queue needs to know to announce an operation. */
export interface Announcement {
  id: string
  kind: OperationKind
  epoch: number
  /** The operation before it has just ended. */
  turn?: true
}

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

/** One line of an operation's log. */
export interface StepEntry {
  name: string
  outcome: string
  detail?: string
  ms: number
  at: Date
}

export interface Settled {
  /** Whether the fence still held; if not, nothing was changed. */
  ours: boolean
  /** The service's next operation, which had to wait for this one. */
  next?: Announcement
}

export type Operations = ReturnType<typeof createOperations>

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
 * Claims, leases and endings of operations. Calls of concurrent jobs share statements.
 * @param options.worker who claims, as shown to operators
 * @param options.leaseSeconds how long a claim holds without being renewed
 */
export function createOperations(db: Db, options: { worker: string; leaseSeconds: number }) {
  const { worker, leaseSeconds } = options

  /** @returns undefined where there is nothing to claim: ended, taken, parked, or not yet its turn */
  const claim = batched(
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
            for update skip locked)
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

  /** Ends a run: the operation, its assignment, the log and what billing is told, all or nothing. */
  const settle = batched(
    async (
      items: { id: string; epoch: number; settlement: Outcome; steps: StepEntry[] }[],
    ): Promise<Settled[]> => {
      const input = JSON.stringify(items.map(toSettleInput))
      const rows = await db.$queryRaw<
        { id: string; next: string | null; kind: OperationKind; epoch: number }[]
      >`
        with input as (
          select * from jsonb_to_recordset(${input}::jsonb) as i (
            id uuid, epoch int, state text, ended boolean, delay_ms float8, give_back int, code text, message text,
            a_state text, a_ptr text, a_ptr_given boolean, messages jsonb, steps jsonb)),
        ended as (
          update operation o
          set state = i.state, lease_until = null, worker = null, attempts = o.attempts - i.give_back,
              error_code = i.code, error_message = i.message, announcements = 0,
              announce_at = now() + i.delay_ms * interval '1 millisecond',
              ended_at = case when i.ended then now() end
          from input i
          where o.id = i.id and o.epoch = i.epoch and o.state = 'running'
          returning o.id, o.epoch, o.service_id, o.assignment_id, o.state),
        changed as (
          update assignment a
          set state = coalesce(i.a_state, a.state),
              ptr = case when i.a_ptr_given then i.a_ptr else a.ptr end,
              assigned_at = case when i.a_state = 'active' then coalesce(a.assigned_at, now()) else a.assigned_at end,
              released_at = case when i.a_state = 'released' then now() else a.released_at end
          from input i join ended e on e.id = i.id
          where a.id = e.assignment_id and (i.a_state is not null or i.a_ptr_given)
            and (i.a_state is distinct from 'active' or a.state in ('reserved', 'active'))),
        woken as (
          -- A PTR change that looked for this address while its order was only coming in.
          update operation w set state = 'queued', announce_at = now(), announcements = 0
          from input i join ended e on e.id = i.id
          where i.a_state = 'active' and w.service_id = e.service_id and w.kind = 'ptr' and w.state = 'waiting'),
        told as (
          insert into outbox (type, service_id, operation_id, data)
          select m.type, e.service_id, e.id, m.data
          from ended e join input i on i.id = e.id,
            jsonb_to_recordset(i.messages) as m (type text, data jsonb)),
        logged as (
          insert into operation_step (operation_id, attempt, name, outcome, detail, ms, at)
          select e.id, e.epoch, s.name, s.outcome, s.detail, s.ms, s.at
          from ended e join input i on i.id = e.id,
            jsonb_to_recordset(i.steps) as s (name text, outcome text, detail text, ms int, at timestamptz))
        select e.id, n.id as next, n.kind, n.epoch
        from ended e left join lateral (
          select q.id, q.kind, q.epoch from operation q
          where q.service_id = e.service_id and q.id <> e.id and q.state = 'queued' and e.state <> 'queued'
          order by q.seq limit 1) n on true`
      const found = new Map(rows.map(row => [row.id, row]))
      return items.map(({ id }) => {
        const row = found.get(id)
        if (row === undefined) return { ours: false }
        return row.next
          ? { ours: true, next: { id: row.next, kind: row.kind, epoch: row.epoch, turn: true } }
          : { ours: true }
      })
    },
    { size: 200, parallel: 2 },
  )

  return {
    worker,
    leaseSeconds,
    claim,
    settle,

    /** Extends the leases that are still ours, and says which. */
    async renew(running: { id: string; epoch: number }[]): Promise<Set<string>> {
      const rows = await db.$queryRaw<{ id: string }[]>`
        update operation o set lease_until = now() + ${leaseSeconds}::float8 * interval '1 second'
        from jsonb_to_recordset(${JSON.stringify(running)}::jsonb) as i (id uuid, epoch int)
        where o.id = i.id and o.epoch = i.epoch and o.state = 'running' returning o.id`
      return new Set(rows.map(row => row.id))
    },

    /** Puts back what a worker that is gone was working on. */
    async recover(): Promise<number> {
      return db.$executeRaw`
        with lost as (
          update operation set state = 'queued', lease_until = null, worker = null, announce_at = now(), announcements = 0
          where state = 'running' and lease_until < now()
          returning id, epoch)
        insert into operation_step (operation_id, attempt, name, outcome, detail, ms, at)
        select id, epoch, 'recover', 'done', 'the worker went away in the middle', 0, now() from lost`
    },

    /** Operations that the queue should hear of (again). Each time the pause before the next hearing doubles. */
    async due(limit: number): Promise<Announcement[]> {
      return db.$queryRaw<Announcement[]>`
        update operation o
        set state = 'queued', announcements = o.announcements + 1,
            announce_at = now() + least(5 * 2 ^ least(o.announcements, 6), 300) * interval '1 second'
        where o.id in (
          select id from operation
          where state in ('queued', 'parked', 'waiting') and announce_at <= now()
          order by announce_at limit ${limit}::int for update skip locked)
        returning o.id, o.kind, o.epoch`
    },

    /** Has the queue hear at once of all that waits in it, because it was lost. What waits for its next try goes on waiting. */
    async announceAgain(): Promise<number> {
      return db.$executeRaw`
        update operation set announce_at = now(), announcements = 0
        where state = 'queued' and (error_code is null or announcements > 0)`
    },

    /** Wakes as many operations as there are addresses now: those that have waited longest and may use the pool. */
    async wakeParked(space: {
      connection: string
      family: Family
      pool: string
      count: number
    }): Promise<Announcement[]> {
      const { connection, family, pool, count } = space
      return db.$queryRaw<Announcement[]>`
        update operation o set state = 'queued', announce_at = now() + interval '5 seconds', announcements = 0
        where o.id in (
          select p.id from operation p
          join assignment a on a.id = p.assignment_id
          join service s on s.id = p.service_id
          join server v on v.id = s.server_id
          where p.state = 'parked' and a.family = ${family}::int and v.connection_id = ${connection}::uuid
            and case when a.pool is not null then a.pool = ${pool}
              when jsonb_typeof(v.options -> 'pools') = 'array' and v.options -> 'pools' <> '[]' then v.options -> 'pools' ? ${pool}
              else true end
          order by p.seq limit ${count}::int for update of p skip locked)
        returning o.id, o.kind, o.epoch`
    },
  }
}

function toSettleInput({
  id,
  epoch,
  settlement,
  steps,
}: {
  id: string
  epoch: number
  settlement: Outcome
  steps: StepEntry[]
}) {
  const { state, delayMs, giveBack, error, assignment, messages } = settlement
  return {
    id,
    epoch,
    state,
    ended: isTerminal(state),
    delay_ms: delayMs,
    give_back: giveBack ? 1 : 0,
    code: error?.code,
    message: error?.message,
    a_state: assignment?.state,
    a_ptr: assignment?.ptr,
    a_ptr_given: assignment?.ptr !== undefined,
    messages: messages ?? [],
    steps,
  }
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
