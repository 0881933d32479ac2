import { batched } from '../../db/batch.ts'
import { type Db, Prisma } from '../../db/client.ts'
import type { Address, Family } from '../../domain/address.ts'
import type { Marker } from '../../domain/marker.ts'
import type { IpamRecord } from '../driver.ts'

/** What the built-in IPAM asks of the database. Concurrent calls share statements. */
export type BuiltinStore = ReturnType<typeof createBuiltinStore>

interface Row {
  address: Address
  marker: string | null
  owner: string | null
  ptr: string | null
  pool: string
  prefix: number
  gateway: Address | null
}

/** Addresses that became free. */
export interface Space {
  connection: string
  family: Family
  pool: string
  count: number
}

interface Stock {
  pools: number
  free: boolean
  due: boolean
}

interface Taking {
  connection: string
  family: Family
  pools: readonly string[] | undefined
  marker: Marker
  owner: string
}

const columns = Prisma.sql`
  a.address, a.marker, a.owner, a.ptr, p.name as pool, masklen(p.cidr) as prefix, p.gateway`

/** Whether the pool of `a` does not hand out its address (any more). */
const isReserved = Prisma.sql`exists (
  select from pool_reserved r where r.pool_id = a.pool_id and r.last >= a.address and r.first <= a.address)`

export function createBuiltinStore(db: Db) {
  const options = { size: 200, parallel: 2 }

  const findByMarker = batched(async (markers: Marker[]) => {
    const rows = await db.$queryRaw<Row[]>`
      select ${columns} from pool_address a join pool p on p.id = a.pool_id
      where a.marker = any (${markers}::text[])`
    const found = new Map(rows.map(row => [row.marker, toRecord(row)]))
    return markers.map(marker => found.get(marker))
  }, options)

  const read = batched(async (items: { connection: string; address: Address }[]) => {
    const rows = await db.$queryRaw<(Row & { connection: string })[]>`
      select ${columns}, p.connection_id as connection
      from jsonb_to_recordset(${JSON.stringify(items)}::jsonb) as i (connection uuid, address inet)
      join pool p on p.connection_id = i.connection and p.cidr >>= i.address
      join pool_address a on a.pool_id = p.id and a.address = i.address and a.state = 'held'`
    const found = new Map(rows.map(row => [`${row.connection} ${row.address}`, toRecord(row)]))
    return items.map(({ connection, address }) => found.get(`${connection} ${address}`))
  }, options)

  /** One free address for each; none where a pool had none that nobody else was taking. */
  const take = batched(async (wanted: Taking[]) => {
    const granted = new Map<Marker, IpamRecord>()
    for (const group of groupsOf(wanted)) {
      for (const row of await takeGroup(db, group)) granted.set(row.marker ?? '', toRecord(row))
    }
    return wanted.map(({ marker }) => granted.get(marker))
  }, options)

  const setPtr = batched(
    async (items: { connection: string; address: Address; marker: Marker; ptr: string | null }[]) => {
      const rows = await db.$queryRaw<{ marker: string }[]>`
      update pool_address a set ptr = i.ptr
      from jsonb_to_recordset(${JSON.stringify(items)}::jsonb) as i (connection uuid, address inet, marker text, ptr text), pool p
      where a.marker = i.marker and a.address = i.address and p.id = a.pool_id and p.connection_id = i.connection
      returning a.marker`
      const written = new Set(rows.map(row => row.marker))
      return items.map(({ marker }) => written.has(marker))
    },
    options,
  )

  const release = batched(async (items: { connection: string; address: Address; marker: Marker }[]) => {
    const rows = await db.$queryRaw<{ marker: string; quarantine: number }[]>`
      update pool_address a
      set state = 'quarantined', marker = null, ptr = null, freed_at = now(),
          available_at = now() + p.quarantine_seconds * interval '1 second'
      from jsonb_to_recordset(${JSON.stringify(items)}::jsonb) as i (connection uuid, address inet, marker text), pool p
      where a.marker = i.marker and a.address = i.address and p.id = a.pool_id and p.connection_id = i.connection
      returning i.marker, p.quarantine_seconds as quarantine`
    const quarantines = new Map(rows.map(row => [row.marker, row.quarantine]))
    return items.map(({ marker }) => quarantines.get(marker))
  }, options)

  return {
    findByMarker,
    take,
    setPtr,
    /** @returns the quarantine in seconds, or undefined where no record carries the marker */
    release,

    read,

    /** Makes a held record ours, unless another marker than `from` is on it. @returns whether it is ours now */
    async claim(
      connection: string,
      {
        address,
        marker,
        owner,
        from = [],
      }: { address: Address; marker: Marker; owner: string; from?: readonly Marker[] | undefined },
    ): Promise<boolean> {
      const claimed = await db.$executeRaw`
        update pool_address a set marker = ${marker}, owner = ${owner} from pool p
        where p.id = a.pool_id and p.connection_id = ${connection}::uuid and a.address = ${address}::inet
          and a.state = 'held' and (a.marker is null or a.marker = any (${[marker, ...from]}::text[]))`
      return claimed === 1
    },

    /** @returns granted, taken, quarantined, reserved, outside or busy */
    async takeAddress(connection: string, address: Address, marker: Marker, owner: string): Promise<string> {
      const [row] = await db.$queryRaw<{ answer: string }[]>`
        select builtin_take_address(${connection}::uuid, ${address}::inet, ${marker}, ${owner}) as answer`
      return row?.answer ?? 'outside'
    },

    /** Takes addresses by name and names them, as far as they are free and not entered under their marker already. */
    async adopt(
      connection: string,
      items: readonly { address: Address; marker: Marker; owner: string; ptr: string | null }[],
    ): Promise<void> {
      const input = JSON.stringify(items)
      await db.$executeRaw`
        select builtin_take_address(${connection}::uuid, i.address, i.marker, i.owner)
        from jsonb_to_recordset(${input}::jsonb) as i (address inet, marker text, owner text)
        where not exists (select from pool_address a where a.marker = i.marker)`
      await db.$executeRaw`
        update pool_address a set ptr = i.ptr
        from jsonb_to_recordset(${input}::jsonb) as i (address inet, marker text, ptr text)
        where a.marker = i.marker and a.address = i.address and a.ptr is null and i.ptr is not null`
    },

    /**
     * What stands behind an unserved request: no such pool; free addresses, which were in other hands just then;
     * or addresses whose quarantine is over (`due`), which somebody has to move to the free ones.
     */
    async stock(connection: string, family: Family, pools: readonly string[] | undefined): Promise<Stock> {
      const [row] = await db.$queryRaw<{ pools: bigint; free: boolean; due: boolean }[]>`
        select count(*) as pools,
          coalesce(bool_or(exists (select from pool_free f where f.pool_id = p.id)), false) as free,
          coalesce(bool_or(exists (
            select from pool_address a
            where a.pool_id = p.id and a.state = 'quarantined' and a.available_at <= now() and not ${isReserved})), false) as due
        from pool p
        where p.connection_id = ${connection}::uuid and family(p.cidr) = ${family}::int
          and (${pools ?? null}::text[] is null or p.name = any (${pools ?? null}::text[]))`
      return { pools: Number(row?.pools ?? 0), free: row?.free ?? false, due: row?.due ?? false }
    },

    /**
     * Moves addresses whose quarantine is over back to the free ones, with the time since when they are free.
     * It waits for nobody. @returns where there is space now
     */
    async sweep(limit: number): Promise<Space[]> {
      const rows = await db.$queryRaw<{ connection: string; family: number; pool: string; count: bigint }[]>`
        select p.connection_id as connection, family(p.cidr) as family, p.name as pool, s.freed as count
        from builtin_sweep(${limit}::int) s join pool p on p.id = s.pool_id`
      return rows.map(row => ({ ...row, family: row.family as Family, count: Number(row.count) }))
    },

    /** Where a connection has space just now: at least so many addresses, counted as runs of them. */
    async spaces(connection: string): Promise<Space[]> {
      const rows = await db.$queryRaw<{ family: number; pool: string; count: bigint }[]>`
        select family(p.cidr) as family, p.name as pool, count(*) as count
        from pool p join pool_free f on f.pool_id = p.id
        where p.connection_id = ${connection}::uuid group by p.id`
      return rows.map(({ family, pool, count }) => ({
        connection,
        family: family as Family,
        pool,
        count: Number(count),
      }))
    },

    /** The next held addresses after one, in order. */
    async page(connection: string, after: Address | undefined, size: number): Promise<IpamRecord[]> {
      const rows = await db.$queryRaw<Row[]>`
        select ${columns} from pool p join pool_address a on a.pool_id = p.id
        where p.connection_id = ${connection}::uuid and a.state = 'held'
          and (${after ?? null}::inet is null or a.address > ${after ?? null}::inet)
        order by a.address limit ${size}::int`
      return rows.map(toRecord)
    },
  }
}

/** Requests that the same free addresses can serve. */
function groupsOf(wanted: Taking[]): Taking[][] {
  const groups = new Map<string, Taking[]>()
  for (const want of wanted) {
    const key = JSON.stringify([want.connection, want.family, want.pools])
    groups.set(key, [...(groups.get(key) ?? []), want])
  }
  return [...groups.values()]
}

/**
 * In one statement: the former address for whoever comes back while it is in quarantine, else the one that
 * has been free longest. The whole is undone when a marker turns out to hold an address already.
 */
function takeGroup(db: Db, group: Taking[]): Promise<Row[]> {
  const [{ connection, family, pools } = group[0] as Taking] = group
  const items = JSON.stringify(group.map(({ marker, owner }, index) => ({ n: index + 1, marker, owner })))
  return db.$queryRaw<Row[]>`
    with wanted as (
      select * from jsonb_to_recordset(${items}::jsonb) as w (n int, marker text, owner text)),
    former as (
      select w.n, w.marker, f.pool_id, f.address
      from wanted w cross join lateral (
        select a.pool_id, a.address from pool_address a join pool p on p.id = a.pool_id
        where a.state = 'quarantined' and a.owner = w.owner and not ${isReserved} and p.connection_id = ${connection}::uuid
          and family(p.cidr) = ${family}::int and (${pools ?? null}::text[] is null or p.name = any (${pools ?? null}::text[]))
        order by a.freed_at desc limit 1
        for update of a skip locked) f),
    returned as (
      update pool_address a
      set state = 'held', marker = former.marker, taken_at = now(), freed_at = null, available_at = null
      from former where a.pool_id = former.pool_id and a.address = former.address
      returning a.pool_id, a.address, a.marker, a.owner),
    others as (
      select w.marker, w.owner, row_number() over (order by w.n) as n
      from wanted w where not exists (select from former where former.n = w.n)),
    fresh as (
      select t.pool_id, t.address, row_number() over () as n
      from builtin_take(${connection}::uuid, ${family}::int, ${pools ?? null}::text[], (select count(*)::int from others)) t),
    granted as (
      insert into pool_address (pool_id, address, state, marker, owner)
      select f.pool_id, f.address, 'held', o.marker, o.owner from fresh f join others o on o.n = f.n
      returning pool_id, address, marker, owner)
    select g.address, g.marker, g.owner, null as ptr, p.name as pool, masklen(p.cidr) as prefix, p.gateway
    from (select * from returned union all select * from granted) g join pool p on p.id = g.pool_id`
}

function toRecord(row: Row): IpamRecord {
  return {
    address: row.address,
    pool: row.pool,
    network: { prefix: row.prefix, ...(row.gateway === null ? {} : { gateway: row.gateway }) },
    ...(row.marker === null ? {} : { marker: row.marker }),
    ...(row.owner === null ? {} : { owner: row.owner }),
    ...(row.ptr === null ? {} : { ptr: row.ptr }),
  }
}
