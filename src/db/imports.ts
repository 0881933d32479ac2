import type { Address } from '../domain/address.ts'
import type { ImportDecision, ImportServer, KnownService } from '../domain/import.ts'
import type { Stamp } from '../domain/stamp.ts'
import type { Db, Queryable } from './client.ts'

export type Imports = ReturnType<typeof createImports>

/** What importing reads of the ledger and writes into it, a few hundred services a statement. */
export function createImports(db: Db) {
  return {
    async servers(): Promise<Map<string, ImportServer>> {
      const rows = await db.server.findMany({ include: { connection: true } })
      return new Map(
        rows.map(({ name, connectionId, connection }) => [
          name,
          { name, connectionId, addressSpace: connection.addressSpace },
        ]),
      )
    },

    async services(ids: string[]): Promise<Map<string, KnownService>> {
      const rows = await db.$queryRaw<KnownService[]>`
        select s.id, s.state, s.kind, s.client, s.domain, v.name as server, s.guest,
          coalesce((select jsonb_agg(jsonb_build_object('id', a.id, 'slot', a.slot, 'family', a.family, 'address', host(a.address), 'conflicts', a.conflicts))
            from assignment a where a.service_id = s.id and a.state <> 'released'), '[]') as assignments
        from service s left join server v on v.id = s.server_id
        where s.id = any (${ids}::text[])`
      return new Map(rows.map(row => [row.id, row]))
    },

    /** Who has these addresses, by `space address`. Licences do not count. */
    async holders(addresses: Address[]): Promise<Map<string, string>> {
      const rows = await db.$queryRaw<{ address_space: string; address: Address; service_id: string }[]>`
        select address_space, address, service_id from assignment
        where address = any (${addresses}::inet[]) and state <> 'released' and not licence`
      return new Map(rows.map(row => [`${row.address_space} ${row.address}`, row.service_id]))
    },

    /** Writes new services and their assignments, all or none. */
    async save({ services, assignments }: ImportDecision, stamp: Stamp): Promise<void> {
      await db.$transaction(async tx => {
        if (services.length > 0) await insertServices(tx, services, stamp)
        if (assignments.length > 0) await insertAssignments(tx, assignments, stamp)
      })
    },
  }
}

async function insertServices(
  tx: Queryable,
  services: ImportDecision['services'],
  stamp: Stamp,
): Promise<void> {
  await tx.$executeRaw`
    insert into service (id, state, kind, client, domain, server_id, guest, created_stamp)
    select i.id, 'active', i.kind, i.client, i.domain, v.id, i.guest, ${JSON.stringify(stamp)}::jsonb
    from jsonb_to_recordset(${JSON.stringify(services)}::jsonb) as i (
      id text, kind text, client text, domain text, server text, guest text)
    join server v on v.name = i.server`
}

async function insertAssignments(
  tx: Queryable,
  assignments: ImportDecision['assignments'],
  stamp: Stamp,
): Promise<void> {
  await tx.$executeRaw`
    insert into assignment (id, service_id, slot, family, state, address, address_space, connection_id, licence, held,
      requested, ptr, ptr_wish, ptr_stamp, entitled, assigned_at)
    select i.id, i.service, i.slot, i.family, 'active', i.address, i.space, i.connection, i.licence, not i.licence,
      case when i.licence then i.address end, i.ptr, i.wish,
      case when i.wish is not null then ${JSON.stringify(stamp)}::jsonb end, ${JSON.stringify(stamp)}::jsonb, now()
    from jsonb_to_recordset(${JSON.stringify(assignments)}::jsonb) as i (
      id uuid, service text, slot text, family smallint, address inet, space text, connection uuid, licence boolean,
      ptr text, wish text)`
}
