import { randomUUID } from 'node:crypto'
import { type Db, openDatabase } from '../../src/db/client.ts'
import type { Address } from '../../src/domain/address.ts'
import { toBigInt } from '../../src/domain/address.ts'
import { usableRanges, withMask } from '../../src/domain/pool.ts'
import { builtinIpam } from '../../src/ipam/builtin/driver.ts'
import { createPoolDesk, type PoolInput } from '../../src/ipam/builtin/pools.ts'
import { createBuiltinStore, type Space } from '../../src/ipam/builtin/store.ts'
import type { AddressRequest, Held, IpamRecord } from '../../src/ipam/driver.ts'
import { createTestDatabase } from './database.ts'

const signal = new AbortController().signal

export type Pools = Awaited<ReturnType<typeof openPools>>

/** The built-in IPAM alone, on a database of its own. */
export async function openPools() {
  const database = await createTestDatabase()
  const { db } = database
  const connection = await db.connection.findUniqueOrThrow({ where: { name: 'builtin' } })
  const others: Db[] = []
  const spaces: Space[] = []

  function open(client: Db, options: { busyMs?: number } = {}) {
    const store = createBuiltinStore(client)
    const pools = createPoolDesk(client)
    const onSpace = (space: Space) => void spaces.push(space)
    const driver = builtinIpam({ connection: connection.id, store, pools, onSpace, ...options })
    return {
      store,
      pools,
      driver,
      /** Takes an address for a service of its own, unless `want` names the owner. */
      async take(want: Partial<AddressRequest> = {}): Promise<IpamRecord & Held> {
        const marker = want.marker ?? `ipb:${randomUUID()}`
        const record = await driver.request(
          { family: 4, owner: `service-${marker} main`, ...want, marker },
          signal,
        )
        return { ...record, marker }
      },
      release: (held: Held) => driver.release(held, signal),
    }
  }

  return {
    ...open(db),
    database,
    db,
    connection,
    /** What was told of addresses that became free. */
    spaces,
    /** Another process that works on the same pools. */
    another(options: { busyMs?: number } = {}) {
      const client = openDatabase(database.url, { connections: 3 })
      others.push(client)
      return open(client, options)
    },
    /** Adds a pool without quarantine, unless `input` says otherwise. */
    add: (input: PoolInput) => createPoolDesk(db).add(connection, { quarantineSeconds: 0, ...input }),
    /** Lets the quarantine of an address be over. */
    async endQuarantine(address: Address) {
      await db.$executeRaw`
        update pool_address set available_at = now() - interval '1 second' where address = ${address}::inet and state = 'quarantined'`
    },
    async close() {
      for (const client of others) await client.$disconnect()
      await database.drop()
    },
  }
}

/**
 * The books of a pool: every address that it hands out is free or somebody's, and is so exactly once.
 * @returns what is wrong, as sentences
 */
export async function faultsInBooks(db: Db, name: string): Promise<string[]> {
  const pool = await db.pool.findUniqueOrThrow({ where: { name }, include: { free: true, addresses: true } })
  const { family, ranges, reserved } = usableRanges({ ...pool, cidr: withMask(pool.cidr) })
  const isReserved = (value: bigint) => reserved.some(({ first, last }) => first <= value && value <= last)
  const entries = [
    ...pool.free.map(({ first, last }) => ({ first: toBigInt(first), last: toBigInt(last), kind: 'free' })),
    ...pool.addresses.map(({ address, state }) => ({
      first: toBigInt(address),
      last: toBigInt(address),
      kind: state,
    })),
  ].sort((a, b) => (a.first < b.first ? -1 : 1))
  const faults: string[] = []
  for (const [index, entry] of entries.entries()) {
    const before = entries[index - 1]
    if (before && before.last >= entry.first)
      faults.push(`${entry.first} is ${before.kind} and ${entry.kind}`)
    if (entry.kind === 'free' && (isReserved(entry.first) || isReserved(entry.last))) {
      faults.push(`${entry.first} is free, but never handed out`)
    }
  }
  const usable = ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n)
  const accounted = entries
    .filter(entry => entry.kind === 'free' || !isReserved(entry.first))
    .reduce((sum, { first, last }) => sum + last - first + 1n, 0n)
  if (accounted !== usable) faults.push(`${usable} addresses of IPv${family} are ${accounted} in the books`)
  return faults
}
