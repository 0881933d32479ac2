import { type Db, Prisma, type Transaction } from '../db/client.ts'
import { type Page, type PageQuery, page } from './paging.ts'
import type { ReplayInput } from './schemas.ts'

export interface DeliveryView {
  id: string
  type: string
  service: string | null
  state: 'pending' | 'delivered' | 'failed'
  attempts: number
  /** When it is tried again. */
  nextAt: Date | null
  createdAt: Date
  endedAt: Date | null
  tries: { at: Date; outcome: string; status: number | null; detail: string | null; ms: number }[]
}

/** What became of the messages to a subscriber, a webhook or a billing core. */
export function deliveryLog(db: Db) {
  return {
    /** Newest first. */
    async list(id: string, query: PageQuery & { state?: string | undefined }): Promise<Page<DeliveryView>> {
      const read = (after: string | undefined, take: number) => db.$queryRaw<DeliveryView[]>`
        select d.id::text, o.type, d.service_id as service, d.state, d.attempts,
          case when d.state = 'pending' then d.next_at end as "nextAt", d.created_at as "createdAt", d.ended_at as "endedAt",
          (select coalesce(jsonb_agg(jsonb_build_object('at', t.at, 'outcome', t.outcome, 'status', t.status, 'detail', t.detail, 'ms', t.ms) order by t.id), '[]')
           from (select * from delivery_attempt a where a.delivery_id = d.id order by a.id desc limit 20) t) as tries
        from delivery d join outbox o on o.id = d.message_id
        where d.subscriber_id = ${id}::uuid and (${after ?? null}::bigint is null or d.id < ${after ?? null}::bigint)
          and (${query.state ?? null}::text is null or d.state = ${query.state ?? null})
        order by d.id desc limit ${take}::int`
      return page(query, read, row => row.id, withDates)
    },

    /** Sends messages once more, under their own ids. @returns how many */
    async replay(
      tx: Transaction,
      { id, types }: { id: string; types: string[] },
      input: ReplayInput,
    ): Promise<number> {
      const again = Prisma.sql`state = 'pending', attempts = 0, next_at = now(), ended_at = null`
      return input.since === undefined
        ? await tx.$executeRaw`
                update delivery set ${again}
                where subscriber_id = ${id}::uuid and state <> 'pending'
                  and (${input.failed ?? false}::boolean and state = 'failed' or id = any (${(input.deliveries ?? []).map(BigInt)}::bigint[]))`
        : await tx.$executeRaw`
                insert into delivery (subscriber_id, message_id, service_id)
                select ${id}::uuid, o.id, o.service_id from outbox o
                where o.created_at >= ${input.since}::text::timestamptz and (${types}::text[] = '{}' or o.type = any (${types}::text[]))
                order by o.id
                on conflict (subscriber_id, message_id) do update set ${again}`
    },
  }
}

/** Dates that came inside JSON are text. */
function withDates(row: DeliveryView): DeliveryView {
  return { ...row, tries: row.tries.map(attempt => ({ ...attempt, at: new Date(attempt.at) })) }
}
