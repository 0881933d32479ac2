import type { Outcome } from '../domain/outcome.ts'
import { isTerminal, type OperationKind } from '../domain/states.ts'
import { batched } from './batch.ts'
import type { Db } from './client.ts'

/** What the queue needs to know to announce an operation. */
export interface Announcement {
  id: string
  kind: OperationKind
  epoch: number
  /** The operation before it has just ended. */
  turn?: true
  /** How often it was announced; more than once where the queue did not act on it. */
  announcements?: number
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

/**
 * How runs end: the operation, its assignment, the log and what billing is told, all or nothing. Calls of
 * concurrent jobs share statements.
 */
export function createSettle(db: Db) {
  return batched(
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
          -- PTR changes that looked for an address while its order was only coming in, or that wait for one which
          -- does not come any more.
          update operation w set state = 'queued', announce_at = now(), announcements = 0
          from input i join ended e on e.id = i.id join service s on s.id = e.service_id
          where (i.a_state = 'active' or i.a_state = 'released' and s.state = 'active')
            and w.service_id = e.service_id and w.kind = 'ptr' and w.state = 'waiting'),
        told as (
          insert into outbox (type, service_id, operation_id, data)
          select m.type, e.service_id, e.id, m.data
          from ended e join input i on i.id = e.id,
            jsonb_to_recordset(i.messages) as m (type text, data jsonb)),
        logged as (
          insert into operation_step (operation_id, attempt, name, outcome, detail, ms, at)
          select e.id, e.epoch, s.name, s.outcome, s.detail, s.ms, s.at
          from ended e join input i on i.id = e.id,
            jsonb_to_recordset(i.steps) as s (name text, outcome text, detail text, ms int, at timestamptz)),
        next as (
          select e.id as ended, n.* from ended e cross join lateral (
            select q.id, q.kind, q.epoch from operation q
            where q.service_id = e.service_id and q.id <> e.id and q.state = 'queued' and e.state <> 'queued'
            order by q.seq limit 1) n),
        turned as (
          -- It is announced at once. Should the queue not hear of that, it has stood in line for long enough.
          update operation t set announce_at = now() + interval '5 seconds', announcements = 0
          where t.id in (
            select w.id from operation w
            where w.id in (select id from next) and w.announce_at > now() + interval '5 seconds'
              and (w.error_code is null or w.announcements > 0)
            for update skip locked))
        select e.id, n.id as next, n.kind, n.epoch from ended e left join next n on n.ended = e.id`
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
