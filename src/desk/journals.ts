import type { Db } from '../db/client.ts'
import { type Actor, type AuditNote, audit } from './actor.ts'
import { cursorOf, type Page, type PageQuery, page } from './paging.ts'
import { withoutSecrets } from './secrets.ts'

export interface EventView {
  source: string
  id: string
  type: string
  status: string
  time: Date
  sequence: string | null
  data: unknown
  via: string
  receivedAt: Date
  operations: string[]
}

export interface AuditView {
  id: string
  at: Date
  actor: string
  role: string
  action: string
  subject: string
  reason: string | null
  change: unknown
  remote: string | null
}

export interface MessageView {
  id: string
  type: string
  service: string | null
  operation: string | null
  data: unknown
  createdAt: Date
  /** Gives what comes after it, also when there is nothing yet. */
  cursor: string
}

/** What has happened: the inbox, the messages to billing, and the audit. */
export function journalDesk({ db }: { db: Db }) {
  return {
    /** Writes down what was done elsewhere than in the ledger, such as in the queue. */
    record: (actor: Actor, note: AuditNote): Promise<void> => db.$transaction(tx => audit(tx, actor, note)),

    events(
      query: PageQuery & {
        source?: string | undefined
        id?: string | undefined
        type?: string | undefined
        status?: string | undefined
      },
    ): Promise<Page<EventView>> {
      const read = (after: string | undefined, take: number) => db.$queryRaw<(EventView & { key: string })[]>`
        select e.id as key, e.source, e.event_id as id, e.type, e.status, e.time, e.sequence, e.data, e.via,
          e.received_at as "receivedAt", array(select o.id::text from operation o where o.event_id = e.id order by o.seq) as operations
        from event e
        where (${after ?? null}::uuid is null or e.id < ${after ?? null}::uuid)
          and (${query.source ?? null}::text is null or e.source = ${query.source ?? null})
          and (${query.id ?? null}::text is null or e.event_id = ${query.id ?? null})
          and (${query.status ?? null}::text is null or e.status = ${query.status ?? null})
          and (${query.type ?? null}::text is null or e.type = ${query.type ?? null})
        order by e.id desc limit ${take}::int`
      return page(
        query,
        read,
        row => row.key,
        ({ key: _, data, ...row }) => ({ ...row, data: withoutSecrets(data) }),
      )
    },

    audit(
      query: PageQuery & { subject?: string | undefined; actor?: string | undefined },
    ): Promise<Page<AuditView>> {
      const read = (after: string | undefined, take: number) => db.$queryRaw<AuditView[]>`
        select id::text, at, actor, role, action, subject, reason, change, remote from audit_entry
        where (${after ?? null}::bigint is null or id < ${after ?? null}::bigint)
          and (${query.subject ?? null}::text is null or subject = ${query.subject ?? null})
          and (${query.actor ?? null}::text is null or actor = ${query.actor ?? null})
        order by audit_entry.id desc limit ${take}::int`
      return page(
        query,
        read,
        row => row.id,
        row => row,
      )
    },

    /**
     * Oldest first, so that a reader can go on from where it was. What transactions that still run may put in
     * between is not shown before them: nothing is ever skipped.
     */
    messages(
      query: PageQuery & { service?: string | undefined; type?: string | undefined },
    ): Promise<Page<MessageView>> {
      const read = (after: string | undefined, take: number) => {
        const [tx = null, id = null] = after?.split(' ') ?? []
        return db.$queryRaw<(Omit<MessageView, 'cursor'> & { tx: string })[]>`
          select tx::text, id::text, type, service_id as service, operation_id as operation, data, created_at as "createdAt"
          from outbox
          where tx < pg_snapshot_xmin(pg_current_snapshot())
            and (${tx}::text is null or (tx, id) > (${tx}::text::xid8, ${id}::text::bigint))
            and (${query.service ?? null}::text is null or service_id = ${query.service ?? null})
            and (${query.type ?? null}::text is null or type = ${query.type ?? null})
          order by outbox.tx, outbox.id limit ${take}::int`
      }
      const keyOf = ({ tx, id }: { tx: string; id: string }) => `${tx} ${id}`
      return page(query, read, keyOf, ({ tx, ...row }) => ({
        ...row,
        cursor: cursorOf(keyOf({ tx, ...row })),
      }))
    },
  }
}
