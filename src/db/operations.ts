import type { Family } from '../domain/address.ts'
import { graceMs } from '../domain/backoff.ts'
import { createClaim } from './claims.ts'
import type { Db } from './client.ts'
import { type Announcement, createSettle } from './endings.ts'
import { inPortions } from './portions.ts'

export type { Claimed, ClaimedAssignment, ClaimedService } from './claims.ts'
export type { Announcement, Settled, StepEntry } from './endings.ts'

export type Operations = ReturnType<typeof createOperations>

/**
 * Claims, leases and endings of operations. Calls of concurrent jobs share statements.
 * @param options.worker who claims, as shown to operators
 * @param options.leaseSeconds how long a claim holds without being renewed
 */
export function createOperations(db: Db, options: { worker: string; leaseSeconds: number }) {
  const { worker, leaseSeconds } = options

  return {
    worker,
    leaseSeconds,
    claim: createClaim(db, options),
    settle: createSettle(db),

    /** Extends the leases that are still ours. @returns their operations, with the epochs */
    async renew(running: { id: string; epoch: number }[]): Promise<Map<string, number>> {
      const rows = await db.$queryRaw<{ id: string; epoch: number }[]>`
        update operation o set lease_until = now() + ${leaseSeconds}::float8 * interval '1 second'
        from jsonb_to_recordset(${JSON.stringify(running)}::jsonb) as i (id uuid, epoch int)
        where o.id = i.id and o.epoch = i.epoch and o.state = 'running' returning o.id, o.epoch`
      return new Map(rows.map(row => [row.id, row.epoch]))
    },

    /** How many operations are queued, counted up to a number. */
    async waiting(upTo: number): Promise<number> {
      const [row] = await db.$queryRaw<{ count: number }[]>`
        select count(*)::int as count from (select from operation where state = 'queued' limit ${upTo}::int) as queued`
      return row?.count ?? 0
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

    /** Whether an operation waits for its next try, and more than a moment is left until then. */
    async isEarly(id: string): Promise<boolean> {
      const [row] = await db.$queryRaw<{ early: boolean }[]>`
        select announce_at - ${graceMs}::float8 * interval '1 millisecond' > now() + interval '1 second' as early
        from operation
        where id = ${id}::uuid and state = 'queued' and error_code is not null and announcements = 0`
      return row?.early ?? false
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
        returning o.id, o.kind, o.epoch, o.announcements`
    },

    /** Has the queue hear at once of all that waits in it, because it was lost. What waits for its next try goes on waiting. */
    announceAgain(): Promise<number> {
      return inPortions(
        most => db.$executeRaw`
          update operation set announce_at = now(), announcements = 0
          where id in (
            select id from operation
            where state = 'queued' and announce_at > now() and (error_code is null or announcements > 0)
            order by announce_at limit ${most}::int for no key update skip locked)`,
      )
    },

    /** Wakes as many allocations as there are addresses now: those that have waited longest and may use the pool. */
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
          where p.state = 'parked' and p.kind = 'allocate' and a.family = ${family}::int and v.connection_id = ${connection}::uuid
            and case when a.pool is not null then a.pool = ${pool}
              when jsonb_typeof(v.options -> 'pools') = 'array' and v.options -> 'pools' <> '[]' then v.options -> 'pools' ? ${pool}
              else true end
          order by p.seq limit ${count}::int for update of p skip locked)
        returning o.id, o.kind, o.epoch`
    },
  }
}
