import { afterAll, beforeAll } from 'vitest'
import { newId } from '../../src/db/ids.ts'
import { builtinIpam } from '../../src/ipam/builtin/driver.ts'
import { createPoolDesk } from '../../src/ipam/builtin/pools.ts'
import { createBuiltinStore } from '../../src/ipam/builtin/store.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { ipamContract } from './ipam.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

ipamContract({
  name: 'builtin',
  abilities: { reads: 'marker', pools: true, ptr: true, requestsSpecific: true },
  network: false,
  async make(layout) {
    const { db } = database
    const connection = newId()
    const space = `space-${connection}`
    await db.connection.create({
      data: { id: connection, name: `builtin-${connection}`, driver: 'builtin', addressSpace: space },
    })
    // Pool names are unique in a database, which the tests of this file share one after the other.
    await db.pool.deleteMany()
    const pools = createPoolDesk(db)
    for (const [name, cidr] of Object.entries(layout)) {
      await pools.add({ id: connection, addressSpace: space }, { name, cidr, quarantineSeconds: 0 })
    }
    const store = createBuiltinStore(db)
    return {
      driver: builtinIpam({ connection, store, pools, onSpace: () => {}, pageSize: 10 }),
      async hold(address) {
        await db.$executeRaw`
          select builtin_take_address(${connection}::uuid, ${address}::inet, null, null)`
      },
      close: async () => {},
    }
  },
})
