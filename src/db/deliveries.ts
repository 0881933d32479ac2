import { type Delivered, deliveryPause } from '../domain/delivery.ts'
import type { Db } from './client.ts'
import { inPortions } from './portions.ts'
import { placeOf } from './registry.ts'
import type { Vault } from './vault.ts'

/** Who is to be told, with the secrets opened: never to be logged or answered. */
export interface OpenSubscriber {
  id: string
  name: string
  kind: string
  url: string
  login: string | undefined
  /** What is valid now, the newest first: during a rotation there are two. */
  secrets: string[]
  allowPrivate: boolean
  tls: Record<string, unknown>
  options: Record<string, unknown>
  updatedAt: Date
}

/** A message in our hands, until the lease ends. */
export interface ClaimedDelivery {
  id: bigint
  epoch: number
  attempts: number
  uid: string
  type: string
  service: string | null
  data: unknown
  at: Date
  subscriber: OpenSubscriber
}

export type Deliveries = ReturnType<typeof createDeliveries>

const fanOutSize = 1_000
const leaseSeconds = 60

/** Messages on their way to subscribers: fanned out, claimed and recorded in single statements. */
export function createDeliveries(db: Db, vault: Vault) {
  async function fanOutTo(subscriber: string): Promise<number> {
    const [row] = await db.$queryRaw<{ count: bigint }[]>`
      with reader as (
        select id, types, fanned_tx, fanned_id from subscriber where id = ${subscriber}::uuid for no key update skip locked),
      fresh as (
        select o.tx, o.id, o.type, o.service_id from reader join outbox o on (o.tx, o.id) > (reader.fanned_tx, reader.fanned_id)
        where o.tx < pg_snapshot_xmin(pg_current_snapshot()) order by o.tx, o.id limit ${fanOutSize}::int),
      told as (
        insert into delivery (subscriber_id, message_id, service_id)
        select reader.id, fresh.id, fresh.service_id from fresh, reader
        where reader.types = '{}' or fresh.type = any (reader.types)
        order by fresh.tx, fresh.id
        on conflict do nothing),
      moved as (
        update subscriber s set fanned_tx = last.tx, fanned_id = last.id
        from (select tx, id from fresh order by tx desc, id desc limit 1) last where s.id = ${subscriber}::uuid)
      select count(*) as count from fresh`
    return Number(row?.count ?? 0)
  }

  async function openSubscriber(id: string): Promise<OpenSubscriber> {
    const row = await db.subscriber.findUniqueOrThrow({ where: { id } })
    const open = (sealed: string) => vault.open(sealed, placeOf.subscriberSecret(id))
    const isOldValid =
      row.oldSecret !== null && row.oldSecretUntil !== null && row.oldSecretUntil > new Date()
    return {
      id,
      name: row.name,
      kind: row.kind,
      url: row.url,
      login: row.login ?? undefined,
      secrets: [open(row.secret), ...(isOldValid && row.oldSecret ? [open(row.oldSecret)] : [])],
      allowPrivate: row.allowPrivate,
      tls: row.tls as Record<string, unknown>,
      options: row.options as Record<string, unknown>,
      updatedAt: row.updatedAt,
    }
  }

  return {
    openSubscriber,

    /** Those of some kinds that are told of things. */
    async active(kinds: string[]): Promise<OpenSubscriber[]> {
      const where = { kind: { in: kinds }, state: 'active' }
      const rows = await db.subscriber.findMany({ where, select: { id: true }, orderBy: { name: 'asc' } })
      return Promise.all(rows.map(({ id }) => openSubscriber(id)))
    },

    /**
     * Turns new messages into deliveries. What transactions that still run may put in between comes later, in order.
     * @returns the subscribers that are not disabled
     */
    async fanOut(): Promise<string[]> {
      const subscribers = await db.subscriber.findMany({ select: { id: true, state: true } })
      for (const { id } of subscribers) while ((await fanOutTo(id)) === fanOutSize);
      return subscribers.filter(({ state }) => state === 'active').map(({ id }) => id)
    },

    /** The next messages to a subscriber that are due, of each service at most one: the first in its line. */
    async claim(subscriber: string, limit: number): Promise<ClaimedDelivery[]> {
      const rows = await db.$queryRaw<Omit<ClaimedDelivery, 'subscriber'>[]>`
        update delivery d
        set lease_until = now() + ${leaseSeconds}::float8 * interval '1 second', epoch = d.epoch + 1, attempts = d.attempts + 1
        from outbox o
        where o.id = d.message_id and d.id in (
          select p.id from delivery p join subscriber s on s.id = p.subscriber_id
          where p.subscriber_id = ${subscriber}::uuid and s.state = 'active'
            and p.state = 'pending' and p.next_at <= now() and (p.lease_until is null or p.lease_until < now())
            and not exists (
              select from delivery e
              where e.subscriber_id = p.subscriber_id and e.service_id = p.service_id and e.state = 'pending'
                and e.message_id < p.message_id)
          order by p.next_at, p.message_id limit ${limit}::int for update of p skip locked)
        returning d.id, d.epoch, d.attempts, o.uid, o.type, o.service_id as service, o.data, o.created_at as at`
      if (rows.length === 0) return []
      const opened = await openSubscriber(subscriber)
      return rows.map(row => ({ ...row, subscriber: opened }))
    },

    /**
     * Writes down how a try ended; one whose lease was lost changes nothing but the log. A receiver that is gone
     * for good (410) is disabled, and what was on its way to it waits until somebody enables it again.
     * @param random a number from 0 up to 1
     */
    async record(delivery: ClaimedDelivery, result: Delivered, ms: number, random: number): Promise<void> {
      const { id, epoch, attempts, subscriber } = delivery
      const pause = deliveryPause(attempts, random, result.retryAfterMs)
      const state =
        result.outcome === 'delivered'
          ? 'delivered'
          : result.outcome === 'failed' && pause === undefined
            ? 'failed'
            : 'pending'
      const reason =
        result.outcome === 'gone' ? `the receiver answered 410 Gone: ${result.detail ?? ''}` : null
      await db.$executeRaw`
        with logged as (
          insert into delivery_attempt (delivery_id, outcome, status, detail, ms)
          values (${id}, ${result.outcome}, ${result.status ?? null}::int, ${result.detail ?? null}, ${Math.round(ms)}::int)),
        disabled as (
          update subscriber set state = 'disabled', disabled_reason = ${reason}, updated_at = now()
          where id = ${subscriber.id}::uuid and ${reason}::text is not null and state = 'active'
          returning name),
        noted as (
          insert into audit_entry (actor, role, action, subject, reason)
          select 'ipbridge', 'system', 'webhook.disable', 'webhook:' || name, ${reason} from disabled)
        update delivery
        set state = ${state}, lease_until = null, next_at = now() + ${pause ?? 0}::float8 * interval '1 millisecond',
            ended_at = case when ${state} = 'pending' then null else now() end
        where id = ${id} and epoch = ${epoch}::int and state = 'pending'`
    },

    /** Forgets deliveries that ended long ago. */
    prune(days: number): Promise<number> {
      return inPortions(
        most => db.$executeRaw`
          delete from delivery where id in (
            select id from delivery where ended_at < now() - ${days}::float8 * interval '1 day' limit ${most}::int)`,
      )
    },
  }
}
