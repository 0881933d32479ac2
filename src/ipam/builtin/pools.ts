import type { Db, Transaction } from '../../db/client.ts'
import { isUniqueViolation, Prisma } from '../../db/client.ts'
import { newId } from '../../db/ids.ts'
import { fromBigInt } from '../../domain/address.ts'
import { canonicalNetwork, countOf, segments, usableRanges } from '../../domain/pool.ts'
import { IpbridgeError } from '../../errors.ts'

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
      const { family, ranges } = usableRanges(input)
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
        const free = segments(ranges).map(({ first, last }, n) => ({
          n,
          first: fromBigInt(first, family),
          last: fromBigInt(last, family),
        }))
        await tx.$executeRaw`
          insert into pool_free (pool_id, first, last, since)
          select ${id}::uuid, f.first, f.last, 'epoch'
          from jsonb_to_recordset(${JSON.stringify(free)}::jsonb) as f (n int, first inet, last inet) order by f.n`
        return pool
      } catch (error) {
        throw await explain(error, input, connection.addressSpace)
      }
    },

    /** @throws in_use while addresses are held or in quarantine */
    async remove(name: string, tx: Transaction | Db = db): Promise<void> {
      const [row] = await tx.$queryRaw<{ held: bigint }[]>`
        select count(*) filter (where a.state = 'held') as held
        from pool p left join pool_address a on a.pool_id = p.id where p.name = ${name} group by p.id`
      if (row === undefined) throw new IpbridgeError('not_found', `there is no pool ${name}`)
      if (row.held > 0n) {
        throw new IpbridgeError('in_use', `pool ${name} has ${row.held} addresses in use; release them first`)
      }
      await tx.pool.delete({ where: { name } })
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
        }[]
      >`
        select p.name, p.cidr, p.gateway, p.exclude,
          count(a.address) filter (where a.state = 'held') as used,
          count(a.address) filter (where a.state = 'quarantined') as quarantined
        from pool p left join pool_address a on a.pool_id = p.id
        where ${connection ?? null}::uuid is null or p.connection_id = ${connection ?? null}::uuid
        group by p.id order by p.priority, p.name`
      return rows.map(row => {
        const total = countOf(usableRanges(row).ranges)
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

  async function explain(error: unknown, input: PoolInput, addressSpace: string): Promise<unknown> {
    if (!isUniqueViolation(error)) return error
    if (isUniqueViolation(error, 'pool_no_overlap')) {
      const [other] = await db.$queryRaw<{ name: string; cidr: string }[]>(
        Prisma.sql`select name, cidr from pool where address_space = ${addressSpace} and cidr && ${input.cidr}::inet limit 1`,
      )
      const which = other ? `pool ${other.name} (${other.cidr})` : 'another pool'
      return new IpbridgeError('already_exists', `${input.cidr} overlaps ${which} of the same address space`)
    }
    return new IpbridgeError('already_exists', `there is a pool ${input.name} already`)
  }
}
