import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readMigrations } from '../../src/db/migrate.ts'
import { fromBigInt } from '../../src/domain/address.ts'
import { usableRanges, withMask } from '../../src/domain/pool.ts'
import { openPools, type Pools } from '../helpers/pools.ts'

describe('The migration that writes down what pools never hand out', () => {
  let ipam: Pools
  beforeAll(async () => {
    ipam = await openPools()
  })
  afterAll(() => ipam.close())

  it('finds it in the books of pools that were there before', async () => {
    const cidrs = [
      '192.0.2.0/28',
      '198.51.100.6/31',
      '203.0.113.9/32',
      '2001:db8::/48',
      '2001:db8:1::/127',
      '10.0.0.0/30',
    ]
    for (const [n, cidr] of cidrs.entries()) await ipam.add({ name: `p${n}`, cidr })
    await ipam.add({
      name: 'excluded',
      cidr: '172.16.0.0/24',
      gateway: '172.16.0.254',
      exclude: ['172.16.0.1-172.16.0.9', '172.16.0.7-172.16.0.20', '172.16.0.64/26'],
    })
    await ipam.add({ name: 'nothing', cidr: '172.17.0.0/30', exclude: ['172.17.0.0/30'] })
    for (let n = 0; n < 20; n++) await ipam.take()
    for (let n = 0; n < 3; n++) await ipam.take({ family: 6 })
    await ipam.take({ requested: '172.16.0.200' })

    const migration = (await readMigrations()).find(({ name }) => name.endsWith('_pool_changes'))
    const backfill = migration?.sql.match(/^with usable as[\s\S]*?;$/m)?.[0]
    const client = new pg.Client({ connectionString: ipam.database.url })
    await client.connect()
    await client.query('truncate pool_reserved')
    await client.query(backfill ?? '')
    await client.end()

    for (const pool of await ipam.db.pool.findMany({ include: { reserved: { orderBy: { last: 'asc' } } } })) {
      const { family, reserved } = usableRanges({ ...pool, cidr: withMask(pool.cidr) })
      const expected = reserved.map(({ first, last }) => ({
        first: fromBigInt(first, family),
        last: fromBigInt(last, family),
      }))
      expect(
        pool.reserved.map(({ first, last }) => ({ first, last })),
        pool.name,
      ).toEqual(expected)
    }
  })
})
