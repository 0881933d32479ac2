import type { Db, Transaction } from '../../db/client.ts'
import { isUniqueViolation, Prisma } from '../../db/client.ts'
import { newId } from '../../db/ids.ts'
import { type Address, type Family, fromBigInt } from '../../domain/address.ts'
import {
  canonicalNetwork,
  changedRanges,
  countOf,
  type Range,
  segments,
  usableRanges,
} from '../../domain/pool.ts'
import { IpbridgeError } from '../../errors.ts'
import type { Space } from './store.ts'

/** A pool as an operator describes it. */
export interface PoolInput {
  name: string
  cidr: string
  gateway?: string | undefined
  exclude?: string[] | undefined
  /** Lower numbers are used first. */
  priority?: number | undefined
  quarantineSeconds?: number | undefined
  /** Below so many free addresses the pool is reported as low. */
  lowWater?: number | undefined
}

/** What may change about the addresses that a pool hands out; null: it has no gateway. */
export interface ShapeChange {
  gateway?: Address | null | undefined
  exclude?: string[] | undefined
}

interface PoolRow {
  id: string
  connectionId: string
  cidr: string
  gateway: Address | null
  exclude: string[]
}

export interface PoolFill {
  name: string
  total: string
  used: number
  quarantined: number
  free: string
}

/** Looks after the pools of the built-in IPAM. */
export type PoolDesk = ReturnType<typeof createPoolDesk>

export function createPoolDesk(db: Db) {
  return {
    /**
     * Adds a pool with all its addresses free.
     * @throws already_exists where the name is taken or the network overlaps another of the address space
     */
    async add(connection: { id: string; addressSpace: string }, input: PoolInput, tx: Transaction | Db = db) {
      const { family, ranges, reserved } = usableRanges(input)
      const id = newId()
      try {
        const pool = await tx.pool.create({
          data: {
            id,
            connectionId: connection.id,
            addressSpace: connection.addressSpace,
            name: input.name,
            cidr: canonicalNetwork(input.cidr),
            gateway: input.gateway ?? null,
            exclude: input.exclude ?? [],
            ...(input.priority === undefined ? {} : { priority: input.priority }),
            ...(input.quarantineSeconds === undefined ? {} : { quarantineSeconds: input.quarantineSeconds }),
            ...(input.lowWater === undefined ? {} : { lowWater: input.lowWater }),
          },
        })
        await tx.$executeRaw`
          insert into pool_free (pool_id, first, last, since)
          select ${id}::uuid, f.first, f.last, 'epoch'
          from jsonb_to_recordset(${asJson(segments(ranges), family)}::jsonb) as f (n int, first inet, last inet) order by f.n`
        await writeReserved(tx, id, reserved, family)
        return pool
      } catch (error) {
        throw await explain(error, input, connection.addressSpace)
      }
    },

    /**
     * Changes which of its addresses a pool hands out. Addresses that are in use stay with who has them, and do
     * not become free when they return, if they are excluded now.
     * @returns what became free by it
     * @throws in_use where the new gateway is somebody's address
     */
    async changeShape(name: string, change: ShapeChange, tx: Transaction): Promise<Space | undefined> {
      const pool = await lock(tx, name)
      const shape = {
        cidr: pool.cidr,
        gateway: change.gateway === undefined ? pool.gateway : change.gateway,
        exclude: change.exclude ?? pool.exclude,
      }
      const { family, reserved } = usableRanges(shape)
      if (shape.gateway !== pool.gateway) await checkGateway(tx, pool, shape.gateway)
      const { closed, opened } = changedRanges(pool, shape)
      await tx.$executeRaw`
        select builtin_reserve(${pool.id}::uuid, r.first, r.last)
        from jsonb_to_recordset(${asJson(closed, family)}::jsonb) as r (first inet, last inet)`
      await tx.$executeRaw`
        select builtin_unreserve(${pool.id}::uuid, r.first, r.last)
        from jsonb_to_recordset(${asJson(opened, family)}::jsonb) as r (first inet, last inet)`
      await writeReserved(tx, pool.id, reserved, family)
      await tx.pool.update({ where: { name }, data: { gateway: shape.gateway, exclude: shape.exclude } })
      if (opened.length === 0) return undefined
      const count = Number(countOf(opened) < 10_000n ? countOf(opened) : 10_000n)
      return { connection: pool.connectionId, family, pool: name, count }
    },

    /** @throws in_use while addresses are held */
    async remove(name: string, tx: Transaction): Promise<void> {
      const { id } = await lock(tx, name)
      // What waits in quarantine goes along, but somebody may be taking his former address back just now: then
      // this waits for him, and finds it held.
      await tx.$executeRaw`delete from pool_address where pool_id = ${id}::uuid and state = 'quarantined'`
      const held = await tx.poolAddress.count({ where: { poolId: id } })
      if (held > 0) {
        throw new IpbridgeError('in_use', `pool ${name} has ${held} addresses in use; release them first`)
      }
      await tx.pool.delete({ where: { id } })
    },

    /** How full the pools are. */
    async fill(connection?: string): Promise<PoolFill[]> {
      const rows = await db.$queryRaw<
        {
          name: string
          cidr: string
          gateway: string | null
          exclude: string[]
          used: bigint
          quarantined: bigint
          outside: bigint
        }[]
      >`
        select p.name, p.cidr::text as cidr, p.gateway, p.exclude,
          count(a.address) filter (where a.state = 'held') as used,
          count(a.address) filter (where a.state = 'quarantined') as quarantined,
          (select count(*) from pool_reserved r join pool_address x on x.pool_id = r.pool_id and x.address between r.first and r.last
           where r.pool_id = p.id) as outside
        from pool p left join pool_address a on a.pool_id = p.id
        where ${connection ?? null}::uuid is null or p.connection_id = ${connection ?? null}::uuid
        group by p.id order by p.priority, p.name`
      return rows.map(row => {
        // An address that was excluded while somebody had it counts as long as it is his.
        const total = countOf(usableRanges(row).ranges) + row.outside
        const [used, quarantined] = [Number(row.used), Number(row.quarantined)]
        return {
          name: row.name,
          total: `${total}`,
          used,
          quarantined,
          free: `${total - row.used - row.quarantined}`,
        }
      })
    },
  }

  /** Nobody takes from the pool, or gives back to it, until the transaction ends. */
  async function lock(tx: Transaction, name: string): Promise<PoolRow> {
    await tx.$executeRaw`select pg_advisory_xact_lock(builtin_lock_of(id)) from pool where name = ${name}`
    const [pool] = await tx.$queryRaw<PoolRow[]>`
      select id, connection_id as "connectionId", cidr::text as cidr, gateway, exclude from pool where name = ${name} for update`
    if (pool === undefined) throw new IpbridgeError('not_found', `there is no pool ${name}`)
    return pool
  }

  async function checkGateway(tx: Transaction, { id }: PoolRow, gateway: Address | null): Promise<void> {
    const [holder] = await tx.$queryRaw<{ owner: string | null }[]>`
      select owner from pool_address where pool_id = ${id}::uuid and address = ${gateway}::inet and state = 'held'`
    if (holder === undefined) return
    const who = holder.owner === null ? 'in use' : `the address of ${holder.owner}`
    throw new IpbridgeError('in_use', `${gateway} is ${who}; release it before it becomes the gateway`)
  }

  async function explain(error: unknown, input: PoolInput, addressSpace: string): Promise<unknown> {
    if (!isUniqueViolation(error)) return error
    if (isUniqueViolation(error, 'pool_no_overlap')) {
      const [other] = await db.$queryRaw<{ name: string; cidr: string }[]>(
        Prisma.sql`select name, cidr::text as cidr from pool where address_space = ${addressSpace} and cidr && ${input.cidr}::inet limit 1`,
      )
      const which = other ? `pool ${other.name} (${other.cidr})` : 'another pool'
      return new IpbridgeError('already_exists', `${input.cidr} overlaps ${which} of the same address space`)
    }
    return new IpbridgeError('already_exists', `there is a pool ${input.name} already`)
  }
}

async function writeReserved(
  tx: Transaction | Db,
  pool: string,
  ranges: Range[],
  family: Family,
): Promise<void> {
  await tx.$executeRaw`delete from pool_reserved where pool_id = ${pool}::uuid`
  await tx.$executeRaw`
    insert into pool_reserved (pool_id, first, last)
    select ${pool}::uuid, r.first, r.last
    from jsonb_to_recordset(${asJson(ranges, family)}::jsonb) as r (first inet, last inet)`
}

function asJson(ranges: Range[], family: Family): string {
  return JSON.stringify(
    ranges.map(({ first, last }, n) => ({
      n,
      first: fromBigInt(first, family),
      last: fromBigInt(last, family),
    })),
  )
}
