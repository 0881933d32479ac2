import type { BillingCheck, BillingCore } from '../billing/core.ts'
import type { BillingCores } from '../billing/cores.ts'
import { type Db, isUniqueViolation, type Prisma } from '../db/client.ts'
import type { Deliveries } from '../db/deliveries.ts'
import { newId } from '../db/ids.ts'
import { placeOf } from '../db/registry.ts'
import type { Vault } from '../db/vault.ts'
import { asIpbridgeError, IpbridgeError } from '../errors.ts'
import { type Actor, audit } from './actor.ts'
import { deliveryLog } from './delivery-log.ts'
import { type Page, type PageQuery, page } from './paging.ts'
import type { BillingChange, BillingInput, ReplayInput } from './schemas.ts'
import { withoutSecrets } from './secrets.ts'

type Row = Prisma.SubscriberModel

/** Billing cores that are told in their own way, and what became of the messages to them. */
export function billingDesk(options: {
  db: Db
  vault: Vault
  deliveries: Deliveries
  billings: BillingCores
}) {
  const { db, vault, deliveries, billings } = options
  const log = deliveryLog(db)
  const kinds = { kind: { in: billings.kinds } }

  const find = async (name: string): Promise<Row> => {
    const row = await db.subscriber.findFirst({ where: { name, ...kinds } })
    if (row === null) throw new IpbridgeError('not_found', `there is no billing core ${name}`)
    return row
  }

  /** What its settings come to; nothing is stored where they are not what it takes. */
  function rehearse(settings: BillingInput): BillingCore {
    const { name, kind, url, login, password, tls = {}, options = {} } = settings
    if (!billings.kinds.includes(kind)) {
      const message = `must be one of ${billings.kinds.join(', ')}`
      throw new IpbridgeError('invalid_request', `there is no billing core of the kind ${kind}`, {
        faults: [{ pointer: '/kind', message }],
      })
    }
    const stored = { id: '', allowPrivate: true, updatedAt: new Date() }
    return billings.rehearse({ ...stored, name, kind, url, login, secrets: [password], tls, options })
  }

  const json = (value: unknown) => value as Prisma.InputJsonObject

  return {
    list(query: PageQuery): Promise<Page<ReturnType<typeof presentBilling>>> {
      const read = (after: string | undefined, take: number) =>
        db.subscriber.findMany({
          where: { ...kinds, ...(after ? { name: { gt: after } } : {}) },
          orderBy: { name: 'asc' },
          take,
        })
      return page(query, read, row => row.name, presentBilling)
    },

    show: async (name: string) => presentBilling(await find(name)),

    async add(actor: Actor, input: BillingInput, reason?: string) {
      const { types } = rehearse(input)
      const { password, tls = {}, options = {}, ...plain } = input
      const id = newId()
      const data = {
        ...plain,
        id,
        types: [...types],
        tls: json(tls),
        options: json(options),
        allowPrivate: true,
        secret: vault.seal(password, placeOf.subscriberSecret(id)),
      }
      try {
        return await db.$transaction(async tx => {
          const row = await tx.subscriber.create({ data })
          const change = { ...plain, tls, options, sealed: ['password'] }
          await audit(tx, actor, { action: 'billing.add', subject: `billing:${plain.name}`, reason, change })
          return presentBilling(row)
        })
      } catch (error) {
        if (!isUniqueViolation(error)) throw error
        throw new IpbridgeError(
          'already_exists',
          `a billing core or webhook has the name ${input.name} already`,
        )
      }
    },

    /** Enabling one again tells it what waited meanwhile. */
    async change(actor: Actor, name: string, input: BillingChange, reason?: string) {
      const row = await find(name)
      const { password, state, tls, options, ...plain } = input
      const { secrets, login = '', ...open } = await deliveries.openSubscriber(row.id)
      const { kind, url } = open
      const before = {
        name,
        kind,
        url,
        login,
        password: secrets[0] ?? '',
        tls: open.tls,
        options: open.options,
      }
      rehearse({
        ...before,
        ...plain,
        ...(password ? { password } : {}),
        ...(tls ? { tls } : {}),
        ...(options ? { options } : {}),
      })
      const data = {
        ...plain,
        ...(tls ? { tls: json(tls) } : {}),
        ...(options ? { options: json(options) } : {}),
        ...(password ? { secret: vault.seal(password, placeOf.subscriberSecret(row.id)) } : {}),
        ...(state
          ? { state, disabledReason: state === 'disabled' ? (reason ?? `disabled by ${actor.name}`) : null }
          : {}),
      }
      return db.$transaction(async tx => {
        const changed = await tx.subscriber.update({ where: { id: row.id }, data })
        const { password: _, ...shown } = input
        const change = password === undefined ? shown : { ...shown, sealed: ['password'] }
        await audit(tx, actor, { action: 'billing.change', subject: `billing:${name}`, reason, change })
        return presentBilling(changed)
      })
    },

    async remove(actor: Actor, name: string, reason?: string): Promise<void> {
      const { id } = await find(name)
      await db.$transaction(async tx => {
        await tx.subscriber.delete({ where: { id } })
        await audit(tx, actor, { action: 'billing.remove', subject: `billing:${name}`, reason })
      })
    },

    async test(name: string, signal: AbortSignal): Promise<BillingCheck> {
      const { id } = await find(name)
      try {
        return await (await billings.core(id)).check(signal)
      } catch (error) {
        return { ok: false, remarks: [asIpbridgeError(error).message] }
      }
    },

    /** The driver, for reading its services. */
    core: async (name: string): Promise<BillingCore> => billings.core((await find(name)).id),

    /** What became of the messages to it, newest first. */
    deliveries: async (name: string, query: PageQuery & { state?: string | undefined }) =>
      log.list((await find(name)).id, query),

    /** Tells it once more what it was told already. @returns how many messages */
    async replay(actor: Actor, name: string, input: ReplayInput, reason?: string) {
      const { id, types } = await find(name)
      return db.$transaction(async tx => {
        const messages = await log.replay(tx, { id, types }, input)
        const change = { ...input, messages }
        await audit(tx, actor, { action: 'billing.replay', subject: `billing:${name}`, reason, change })
        return { messages }
      })
    },
  }
}

function presentBilling(row: Row) {
  const { name, kind, url, login, types, disabledReason, createdAt, updatedAt } = row
  return {
    ...{ name, kind, url, login, types },
    tls: withoutSecrets(row.tls) as Record<string, unknown>,
    options: withoutSecrets(row.options) as Record<string, unknown>,
    secretsSet: ['password'],
    state: row.state as 'active' | 'disabled',
    ...{ disabledReason, createdAt, updatedAt },
  }
}
