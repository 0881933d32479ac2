import type { Db, Prisma } from '../db/client.ts'
import { familyOf } from '../domain/address.ts'
import { PoolError, withMask } from '../domain/pool.ts'
import { IpbridgeError } from '../errors.ts'
import type { PoolDesk as PoolBooks, PoolFill } from '../ipam/builtin/pools.ts'
import type { Space } from '../ipam/builtin/store.ts'
import { type Actor, audit } from './actor.ts'
import { type Page, type PageQuery, page } from './paging.ts'
import type { PoolChange, PoolInput } from './schemas.ts'

type Row = Prisma.PoolModel & { connection: { name: string } }

/** The pools of the built-in IPAM, as operators look after them. */
export function poolDesk(options: { db: Db; pools: PoolBooks; onSpace: (space: Space) => void }) {
  const { db, pools, onSpace } = options
  const include = { connection: { select: { name: true } } }

  const find = async (name: string): Promise<Row> => {
    const row = await db.pool.findUnique({ where: { name }, include })
    if (row === null) throw new IpbridgeError('not_found', `there is no pool ${name}`)
    return row
  }

  const present = async (row: Row) =>
    presentPool(
      row,
      (await pools.fill(row.connectionId)).find(f => f.name === row.name),
    )

  return {
    async list(query: PageQuery): Promise<Page<ReturnType<typeof presentPool>>> {
      const fill = new Map((await pools.fill()).map(entry => [entry.name, entry]))
      const read = (after: string | undefined, take: number) =>
        db.pool.findMany({
          where: after ? { name: { gt: after } } : {},
          orderBy: { name: 'asc' },
          take,
          include,
        })
      return page(
        query,
        read,
        row => row.name,
        row => presentPool(row, fill.get(row.name)),
      )
    },

    show: async (name: string) => present(await find(name)),

    async add(actor: Actor, input: PoolInput, reason?: string) {
      const connection = await db.connection.findUnique({ where: { name: input.connection } })
      if (connection === null)
        throw invalid('connection', `there is no connection ${JSON.stringify(input.connection)}`)
      if (connection.driver !== 'builtin') {
        throw invalid(
          'connection',
          `connection ${input.connection} is a ${connection.driver}: its pools are kept there`,
        )
      }
      const add = async () =>
        db.$transaction(async tx => {
          await pools.add(connection, input, tx)
          await audit(tx, actor, {
            action: 'pool.add',
            subject: `pool:${input.name}`,
            reason,
            change: { ...input },
          })
        })
      await add().catch(rethrowPoolError)
      const family = familyOf(input.cidr)
      onSpace({ connection: connection.id, family, pool: input.name, count: 10_000 })
      return present(await find(input.name))
    },

    async change(actor: Actor, name: string, input: PoolChange, reason?: string) {
      await find(name)
      const { gateway, exclude, ...plain } = input
      const change = async () =>
        db.$transaction(async tx => {
          const isReshaped = gateway !== undefined || exclude !== undefined
          const space = isReshaped ? await pools.changeShape(name, { gateway, exclude }, tx) : undefined
          await tx.pool.update({ where: { name }, data: plain })
          await audit(tx, actor, {
            action: 'pool.change',
            subject: `pool:${name}`,
            reason,
            change: { ...input },
          })
          return space
        })
      const space = await change().catch(rethrowPoolError)
      if (space) onSpace(space)
      return present(await find(name))
    },

    /** @throws in_use while addresses are held */
    async remove(actor: Actor, name: string, reason?: string): Promise<void> {
      await db.$transaction(async tx => {
        await pools.remove(name, tx)
        await audit(tx, actor, { action: 'pool.remove', subject: `pool:${name}`, reason })
      })
    },
  }
}

function presentPool(row: Row, fill: PoolFill | undefined) {
  return {
    name: row.name,
    cidr: withMask(row.cidr),
    gateway: row.gateway,
    exclude: row.exclude,
    priority: row.priority,
    quarantineSeconds: row.quarantineSeconds,
    lowWater: row.lowWater,
    connection: row.connection.name,
    addressSpace: row.addressSpace,
    /** Counts may exceed what a JSON number holds in IPv6, so they are decimal text where they can. */
    total: fill?.total ?? '0',
    used: fill?.used ?? 0,
    quarantined: fill?.quarantined ?? 0,
    free: fill?.free ?? '0',
    low: row.lowSince !== null,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}

function rethrowPoolError(error: unknown): never {
  throw error instanceof PoolError ? invalid(error.field, error.message) : error
}

function invalid(field: string, message: string): IpbridgeError {
  return new IpbridgeError('invalid_request', message, { faults: [{ pointer: `/${field}`, message }] })
}
