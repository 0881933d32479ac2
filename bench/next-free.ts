import type { Db } from '../src/db/client.ts'
import { newId } from '../src/db/ids.ts'
import { builtinIpam } from '../src/ipam/builtin/driver.ts'
import { createPoolDesk } from '../src/ipam/builtin/pools.ts'
import { createBuiltinStore } from '../src/ipam/builtin/store.ts'

export interface Latency {
  pool: string
  used: number
  p50Ms: number
  p99Ms: number
}

const cases = [
  { pool: '/16', cidr: '13.16.0.0/16', used: 0 },
  { pool: '/16', cidr: '13.17.0.0/16', used: 1_000 },
  { pool: '/16', cidr: '13.18.0.0/16', used: 10_000 },
  { pool: '/16', cidr: '13.19.0.0/16', used: 30_000 },
  { pool: '/16', cidr: '13.20.0.0/16', used: 60_000 },
  { pool: '/16, 1,000 fragments', cidr: '13.21.0.0/16', used: 2_000, fragments: 1_000 },
  { pool: '/8', cidr: '11.0.0.0/8', used: 0 },
  { pool: '/8', cidr: '12.0.0.0/8', used: 1_000_000 },
  { pool: 'IPv6 /48', cidr: '2001:db8:1::/48', used: 0 },
] as const

/**
 * How long one request takes, the way the worker makes it, one after the other. The cases take turns, so that
 * a slow moment of the machine touches all of them alike.
 */
export async function nextFree(db: Db, requests: number): Promise<Latency[]> {
  const store = createBuiltinStore(db)
  const pools = createPoolDesk(db)
  const connection = await db.connection.findUniqueOrThrow({ where: { name: 'builtin' } })
  const driver = builtinIpam({ connection: connection.id, store, pools, onSpace: () => undefined })
  const signal = new AbortController().signal
  const samples = new Map<(typeof cases)[number], number[]>()

  for (const [index, item] of cases.entries()) {
    await pools.add(connection, { name: `nf-${index}`, cidr: item.cidr })
    await fill(db, `nf-${index}`, item.used)
    if ('fragments' in item) await fragment(db, `nf-${index}`, item.fragments)
    samples.set(item, [])
  }
  await db.$executeRaw`analyze`
  const warmUp = 100
  for (let n = 0; n < warmUp + requests; n++) {
    for (const [index, item] of cases.entries()) {
      const want = {
        marker: `ipb:${newId()}`,
        family: item.cidr.includes(':') ? (6 as const) : (4 as const),
        owner: `bench-${n} main`,
        pools: [`nf-${index}`],
      }
      const begun = performance.now()
      await driver.request(want, signal)
      if (n >= warmUp) samples.get(item)?.push(performance.now() - begun)
    }
  }
  return cases.map(item => {
    const sorted = [...(samples.get(item) ?? [])].sort((a, b) => a - b)
    const at = (share: number) => Number((sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2))
    return { pool: item.pool, used: item.used, p50Ms: at(0.5), p99Ms: at(0.99) }
  })
}

/** Takes addresses as the allocator would, in bulk. */
async function fill(db: Db, pool: string, used: number): Promise<void> {
  for (let first = 0; first < used; first += 50_000) {
    await db.$executeRaw`
      insert into pool_address (pool_id, address, state, marker, owner)
      select t.pool_id, t.address, 'held', 'bench:' || gen_random_uuid(), 'bench'
      from pool p, builtin_take(p.connection_id, family(p.cidr), array[p.name], ${Math.min(50_000, used - first)}::int) t
      where p.name = ${pool}`
  }
}

/** Frees every other one of the last taken addresses, each a range of its own that is older than the rest. */
async function fragment(db: Db, pool: string, fragments: number): Promise<void> {
  await db.$executeRaw`
    with gone as (
      delete from pool_address a using pool p
      where a.pool_id = p.id and p.name = ${pool}
        and a.address in (
          select address from (
            select x.address, row_number() over (order by x.address) as n
            from pool_address x join pool q on q.id = x.pool_id where q.name = ${pool}) numbered
          where n % 2 = 0 limit ${fragments}::int)
      returning a.pool_id, a.address)
    insert into pool_free (pool_id, first, last, since) select pool_id, address, address, '1970-01-02' from gone`
}
