import { createHash, randomBytes } from 'node:crypto'
import type { Db, Prisma, Transaction } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import { IpbridgeError } from '../errors.ts'
import { type Actor, audit, type Role } from './actor.ts'
import { type Page, type PageQuery, page } from './paging.ts'
import type { TokenInput } from './schemas.ts'

type Row = Prisma.TokenModel

const sessionHours = 12

/** Bearer tokens and the browser sessions that they are exchanged for. Only hashes of them are stored. */
export function tokenDesk({ db }: { db: Db }) {
  async function insert(tx: Transaction, actor: Actor, input: TokenInput, reason?: string) {
    const token = `ipb_${randomBytes(32).toString('base64url')}`
    const { name, role, client, expiresAt } = input
    const row = await tx.token.create({
      data: {
        id: newId(),
        name,
        role,
        client: client ?? null,
        hash: hashOf(token),
        expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
      },
    })
    await audit(tx, actor, {
      action: 'token.add',
      subject: `token:${row.id}`,
      reason,
      change: { name, role, client, expiresAt },
    })
    return { ...presentToken(row), token }
  }

  return {
    list(query: PageQuery): Promise<Page<ReturnType<typeof presentToken>>> {
      const read = (after: string | undefined, take: number) =>
        db.token.findMany({ where: after ? { id: { lt: after } } : {}, orderBy: { id: 'desc' }, take })
      return page(query, read, row => row.id, presentToken)
    },

    async show(id: string) {
      const row = await db.token.findUnique({ where: { id: uuid(id) } })
      if (row === null) throw new IpbridgeError('not_found', `there is no token ${id}`)
      return presentToken(row)
    },

    /** @returns the token itself, which nobody can see again */
    add: (actor: Actor, input: TokenInput, reason?: string) =>
      db.$transaction(tx => insert(tx, actor, input, reason)),

    /** On a database without any token: an admin token, made by exactly one of all who ask at once. */
    async addFirst(actor: Actor): Promise<string | undefined> {
      return db.$transaction(async tx => {
        await tx.$queryRaw`select pg_advisory_xact_lock(hashtext('ipbridge first token'))::text`
        if ((await tx.token.count()) > 0) return undefined
        return (await insert(tx, actor, { name: 'first admin', role: 'admin' })).token
      })
    },

    /** Revokes it: it stays in the list, and its sessions end. */
    async remove(actor: Actor, id: string, reason?: string): Promise<void> {
      await db.$transaction(async tx => {
        const { count } = await tx.token.updateMany({
          where: { id: uuid(id), revokedAt: null },
          data: { revokedAt: new Date() },
        })
        if (count === 0) throw new IpbridgeError('not_found', `there is no live token ${id}`)
        await tx.session.deleteMany({ where: { tokenId: id } })
        await audit(tx, actor, { action: 'token.remove', subject: `token:${id}`, reason })
      })
    },

    /** Whose token it is; undefined for one that is unknown, revoked or expired. */
    async authenticate(token: string): Promise<Authenticated | undefined> {
      const row = await db.token.findUnique({ where: { hash: hashOf(token) } })
      return row && isLive(row) ? toActor(row) : undefined
    },

    /** Notes that a token was used, at most once a minute. */
    async touch(tokenId: string): Promise<void> {
      await db.$executeRaw`
        update token set last_used_at = now()
        where id = ${tokenId}::uuid and (last_used_at is null or last_used_at < now() - interval '1 minute')`
    },

    /** Exchanges a token for a session. @returns the cookie's value */
    async openSession(
      token: string,
    ): Promise<{ session: string; actor: Actor; expiresAt: Date } | undefined> {
      const row = await db.token.findUnique({ where: { hash: hashOf(token) } })
      if (row === null || !isLive(row)) return undefined
      const session = randomBytes(32).toString('base64url')
      const expiresAt = new Date(Date.now() + sessionHours * 3_600_000)
      await db.session.create({ data: { hash: hashOf(session), tokenId: row.id, expiresAt } })
      return { session, actor: toActor(row), expiresAt }
    },

    async resumeSession(session: string): Promise<Authenticated | undefined> {
      const row = await db.session.findUnique({ where: { hash: hashOf(session) }, include: { token: true } })
      if (row === null || row.expiresAt <= new Date() || !isLive(row.token)) return undefined
      const { expiresAt = row.expiresAt, ...actor } = toActor(row.token)
      return { ...actor, expiresAt: new Date(Math.min(Number(expiresAt), Number(row.expiresAt))) }
    },

    async closeSession(session: string): Promise<void> {
      await db.session.deleteMany({
        where: { OR: [{ hash: hashOf(session) }, { expiresAt: { lt: new Date() } }] },
      })
    },
  }
}

function presentToken(row: Row) {
  const { id, name, role, client, createdAt, expiresAt, lastUsedAt, revokedAt } = row
  return { id, name, role: role as Role, client, createdAt, expiresAt, lastUsedAt, revokedAt }
}

/** Whose a token or a session is, and until when. */
type Authenticated = Actor & { tokenId: string; expiresAt?: Date }

function toActor(row: Row): Authenticated {
  return {
    ...(row.expiresAt === null ? {} : { expiresAt: row.expiresAt }),
    tokenId: row.id,
    name: row.name,
    role: row.role as Role,
    ...(row.client === null ? {} : { client: row.client }),
  }
}

function isLive(row: Row): boolean {
  return row.revokedAt === null && (row.expiresAt === null || row.expiresAt > new Date())
}

/** Tokens are long and random, so a plain hash keeps them as safe as a slow one would. */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

/** An id that is no UUID belongs to nothing. */
export function uuid(id: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return id
  throw new IpbridgeError('not_found', `${JSON.stringify(id.slice(0, 60))} is not an id`)
}
