import type { Address } from '../domain/address.ts'
import { type Db, Prisma } from './client.ts'
import { pagesOf } from './pages.ts'
import { isBusy } from './service-work.ts'

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
    live: (connectionId: string, before: Date): AsyncGenerator<LiveService[]> =>
      pagesOf({
        size: pageSize,
        keyOf: (row: LiveService) => row.service,
        read: after => db.$queryRaw<LiveService[]>`
          select s.id as service, s.client, s.domain, v.name as server,
            array(select host(a.address) from assignment a
              where a.service_id = s.id and a.state <> 'released' and a.address is not null order by a.address) as addresses
          from service s join server v on v.id = s.server_id
          where v.connection_id = ${connectionId}::uuid and s.state = 'active' and s.updated_at < ${before} and s.id > ${after ?? ''}
            and not ${isBusy(Prisma.sql`s.id`)}
          order by s.id limit ${pageSize}::int`,
      }),
  }
}
