import type { Address } from '../domain/address.ts'
import type { Marker } from '../domain/marker.ts'
import { batched } from './batch.ts'
import type { Db } from './client.ts'

export type Notes = ReturnType<typeof createNotes>

/**
 * Markers of addresses in IPAMs that have no place for a note: kept here from the moment at which the record in the
 * IPAM stops to carry them. What is noted is only believed of an address that the IPAM still holds for us.
 */
export function createNotes(db: Db) {
  const options = { size: 200, parallel: 2 }

  const put = batched(async (items: { connection: string; address: Address; marker: Marker }[]) => {
    // The same address twice in one statement would be refused; the later one counts.
    const last = new Map(items.map(item => [`${item.connection} ${item.address}`, item]))
    await db.$executeRaw`
      insert into ipam_note (connection_id, address, marker)
      select i.connection, i.address, i.marker
      from jsonb_to_recordset(${JSON.stringify([...last.values()])}::jsonb) as i (connection uuid, address inet, marker text)
      on conflict (connection_id, address) do update set marker = excluded.marker, noted_at = now()`
    return items.map(() => undefined)
  }, options)

  const remove = batched(async (items: { connection: string; address: Address; marker: Marker }[]) => {
    await db.$executeRaw`
      delete from ipam_note n
      using jsonb_to_recordset(${JSON.stringify(items)}::jsonb) as i (connection uuid, address inet, marker text)
      where n.connection_id = i.connection and n.address = i.address and n.marker = i.marker`
    return items.map(() => undefined)
  }, options)

  return {
    put,
    /** Forgets that an address carried a marker, unless it carries another one by now. */
    remove,

    /** Where the marker was noted, the latest place first. */
    async addressesOf(connection: string, marker: Marker): Promise<Address[]> {
      const rows = await db.$queryRaw<{ address: Address }[]>`
        select host(address) as address from ipam_note
        where connection_id = ${connection}::uuid and marker = ${marker} order by noted_at desc`
      return rows.map(row => row.address)
    },

    /** What is noted of these addresses. */
    async at(connection: string, addresses: readonly Address[]): Promise<Map<Address, Marker>> {
      if (addresses.length === 0) return new Map()
      const rows = await db.$queryRaw<{ address: Address; marker: Marker }[]>`
        select host(address) as address, marker from ipam_note
        where connection_id = ${connection}::uuid and address = any (${addresses}::inet[])`
      return new Map(rows.map(row => [row.address, row.marker]))
    },
  }
}
