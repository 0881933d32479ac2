import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createUpkeep } from '../../src/ipam/builtin/upkeep.ts'
import { openPools, type Pools } from '../helpers/pools.ts'

describe('A pool with a low-water mark', () => {
  let ipam: Pools
  beforeAll(async () => {
    ipam = await openPools()
    await ipam.add({ name: 'p', cidr: '192.0.2.0/29', lowWater: 4 })
    await ipam.add({ name: 'q', cidr: '198.51.100.0/29' })
  })
  afterAll(() => ipam.close())

  /** Two processes look at the same time, as they do in production. */
  async function look(): Promise<void> {
    const { db, store, pools } = ipam
    const upkeep = createUpkeep({ db, store, pools, onSpace: () => {} })
    await Promise.all([upkeep.checkLevels(), upkeep.checkLevels(), upkeep.checkLevels()])
  }
  const told = () => ipam.db.outbox.findMany({ where: { type: 'pool.low' }, orderBy: { id: 'asc' } })

  it('tells billing once that it fell below, and again only after it had recovered', async () => {
    const taken = [await ipam.take({ pools: ['p'] }), await ipam.take({ pools: ['p'] })]
    await look()
    expect(await told()).toEqual([])

    const third = await ipam.take({ pools: ['p'] })
    await look()
    await look()
    expect((await told()).map(message => message.data)).toEqual([{ pool: 'p', free: '3', lowWater: 4 }])

    for (const held of [third, ...taken]) await ipam.release(held)
    await look()
    expect(await told()).toHaveLength(1)
    expect((await ipam.db.pool.findUniqueOrThrow({ where: { name: 'p' } })).lowSince).toBeNull()

    for (let n = 0; n < 4; n++) await ipam.take({ pools: ['p'] })
    await look()
    expect((await told()).map(message => message.data)).toEqual([
      { pool: 'p', free: '3', lowWater: 4 },
      { pool: 'p', free: '2', lowWater: 4 },
    ])
  })
})
