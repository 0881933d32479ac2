import type { Address } from '../domain/address.ts'
import type { Db } from './client.ts'

/** A live service as it is compared with what billing lists. */
export interface LiveService {
  service: string
  client: string | null
  domain: string | null
  server: string
  addresses: Address[]
}

export type LedgerServices = ReturnType<typeof createLedgerServices>

const pageSize = 1_000

/** The live services of a connection, as they are compared with what billing lists. */
export function createLedgerServices(db: Db) {
  return {
    /** Those that have stood still since before a moment, page by page. */
    async *live(connectionId: string, before: Date): AsyncGenerator<LiveService[]> {
      for (let after = ''; ; ) {
        const rows: LiveService[] = await db.$queryRaw`
          select s.id as service, s.client, s.domain, v.name as server,
            array(select host(a.address) from assignment a
              where a.service_id = s.id and a.state <> 'released' and a.address is not null order by a.address) as addresses
          from service s join server v on v.id = s.server_id
          where v.connection_id = ${connectionId}::uuid and s.state = 'active' and s.updated_at < ${before} and s.id > ${after}
            and not exists (
              select from operation o where o.service_id = s.id and o.state in ('queued', 'running', 'waiting'))
          order by s.id limit ${pageSize}::int`
        if (rows.length > 0) yield rows
        after = rows.at(-1)?.service ?? after
        if (rows.length < pageSize) return
      }
    },
  }
}
