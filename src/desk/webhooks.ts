import { randomBytes } from 'node:crypto'
import type { Sender } from '../billing/webhook.ts'
import { type Db, isUniqueViolation, type Prisma } from '../db/client.ts'
import type { Deliveries } from '../db/deliveries.ts'
import { newId } from '../db/ids.ts'
import { placeOf } from '../db/registry.ts'
import type { Vault } from '../db/vault.ts'
import { type Delivered, outgoingEvent } from '../domain/delivery.ts'
import { IpbridgeError } from '../errors.ts'
import { type Actor, audit } from './actor.ts'
import { deliveryLog } from './delivery-log.ts'
import { type Page, type PageQuery, page } from './paging.ts'
import type { ReplayInput, WebhookChange, WebhookInput } from './schemas.ts'

type Row = Prisma.SubscriberModel

/** For how long the secret before a rotation stays valid beside the new one. */
const rotationHours = 24

/** Webhooks and what became of the messages to them. Secrets are shown once, when they are made. */
export function webhookDesk(options: { db: Db; vault: Vault; deliveries: Deliveries; sendWebhook: Sender }) {
  const { db, vault, deliveries, sendWebhook } = options
  const log = deliveryLog(db)

  const find = async (name: string): Promise<Row> => {
    const row = await db.subscriber.findFirst({ where: { name, kind: 'webhook' } })
    if (row === null) throw new IpbridgeError('not_found', `there is no webhook ${name}`)
    return row
  }

  return {
    list(query: PageQuery): Promise<Page<ReturnType<typeof presentWebhook>>> {
      const read = (after: string | undefined, take: number) =>
        db.subscriber.findMany({
          where: { kind: 'webhook', ...(after ? { name: { gt: after } } : {}) },
          orderBy: { name: 'asc' },
          take,
        })
      return page(query, read, row => row.name, presentWebhook)
    },

    show: async (name: string) => presentWebhook(await find(name)),

    /** @returns the webhook with its secret, which nobody can see again */
    async add(actor: Actor, input: WebhookInput, reason?: string) {
      const { secret = freshSecret(), ...plain } = input
      const id = newId()
      const sealed = vault.seal(secret, placeOf.subscriberSecret(id))
      try {
        return await db.$transaction(async tx => {
          const { name, url, types = [], allowPrivate = false } = plain
          const data = { id, name, kind: 'webhook', url, types, allowPrivate, secret: sealed }
          const row = await tx.subscriber.create({ data })
          await audit(tx, actor, { action: 'webhook.add', subject: `webhook:${name}`, reason, change: plain })
          return { ...presentWebhook(row), secret }
        })
      } catch (error) {
        if (!isUniqueViolation(error)) throw error
        throw new IpbridgeError('already_exists', `there is a webhook ${input.name} already`)
      }
    },

    /** Enabling one again sends what waited meanwhile. */
    async change(actor: Actor, name: string, input: WebhookChange, reason?: string) {
      const { id } = await find(name)
      const { state, ...plain } = input
      const disabledReason = state === 'disabled' ? (reason ?? `disabled by ${actor.name}`) : null
      return db.$transaction(async tx => {
        const data = { ...plain, ...(state === undefined ? {} : { state, disabledReason }) }
        const row = await tx.subscriber.update({ where: { id }, data })
        await audit(tx, actor, {
          action: 'webhook.change',
          subject: `webhook:${name}`,
          reason,
          change: input,
        })
        return presentWebhook(row)
      })
    },

    async remove(actor: Actor, name: string, reason?: string): Promise<void> {
      const { id } = await find(name)
      await db.$transaction(async tx => {
        await tx.subscriber.delete({ where: { id } })
        await audit(tx, actor, { action: 'webhook.remove', subject: `webhook:${name}`, reason })
      })
    },

    /** Makes a new secret. For a day messages are signed with both, so that the receiver can change over. */
    async rotate(actor: Actor, name: string, reason?: string) {
      const { id, secret: old } = await find(name)
      const secret = freshSecret()
      const data = {
        secret: vault.seal(secret, placeOf.subscriberSecret(id)),
        oldSecret: old,
        oldSecretUntil: new Date(Date.now() + rotationHours * 3_600_000),
      }
      return db.$transaction(async tx => {
        const row = await tx.subscriber.update({ where: { id }, data })
        await audit(tx, actor, { action: 'webhook.rotate', subject: `webhook:${name}`, reason })
        return { ...presentWebhook(row), secret }
      })
    },

    /** Sends a `webhook.test` at once, also to a disabled one. */
    async test(name: string, signal: AbortSignal): Promise<Delivered & { ms: number }> {
      const subscriber = await deliveries.openSubscriber((await find(name)).id)
      const data = { webhook: name, message: 'ipbridge can reach this webhook' }
      const message = { uid: newId(), type: 'webhook.test', service: null, data, at: new Date() }
      const begun = performance.now()
      const result = await sendWebhook(subscriber, outgoingEvent(message), signal)
      return { ...result, ms: Math.round(performance.now() - begun) }
    },

    /** Sends messages once more, under their own ids. @returns how many */
    async replay(actor: Actor, name: string, input: ReplayInput, reason?: string) {
      const { id, types } = await find(name)
      return db.$transaction(async tx => {
        const messages = await log.replay(tx, { id, types }, input)
        const change = { ...input, messages }
        await audit(tx, actor, { action: 'webhook.replay', subject: `webhook:${name}`, reason, change })
        return { messages }
      })
    },

    /** The delivery log, newest first. */
    deliveries: async (name: string, query: PageQuery & { state?: string | undefined }) =>
      log.list((await find(name)).id, query),
  }
}

function freshSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}

function presentWebhook(row: Row) {
  const { name, url, types, allowPrivate, state, disabledReason, oldSecretUntil, createdAt, updatedAt } = row
  const shown = { name, url, types, allowPrivate, disabledReason, oldSecretUntil, createdAt, updatedAt }
  return { ...shown, state: state as 'active' | 'disabled' }
}
