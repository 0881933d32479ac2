import type { Address } from '../domain/address.ts'
import type { ServiceEntry } from '../domain/guest-findings.ts'
import type { PanelService } from '../panels/driver.ts'
import { type Db, Prisma } from './client.ts'
import { pagesOf } from './pages.ts'
import { isBusy, workOf } from './service-work.ts'

/** A service as reconciliation compares it with its guest. */
export interface ListedService {
  /** How the panel is asked about it. */
  service: PanelService
  entry: ServiceEntry
}

/** A service at one moment. */
export interface GuestService extends ListedService {
  /** Whether it is being worked on. */
  busy: boolean
  /** Changes with everything that is done for it. */
  work: string
}

/** Somebody who has an address. */
export interface Tenant {
  service: string
  guest: string | null
}

interface Row {
  id: string
  kind: string | null
  client: string | null
  domain: string | null
  guest: string | null
  setup: Record<string, unknown>
  addresses: ServiceEntry['addresses'] | null
  busy: boolean
  work: string
}

export type LedgerGuests = ReturnType<typeof createLedgerGuests>

const pageSize = 1_000

const columns = Prisma.sql`
  s.id, s.kind, s.client, s.domain, s.guest, s.setup,
  (select jsonb_agg(jsonb_build_object('assignmentId', a.id, 'address', host(a.address), 'settled', a.state = 'active' and a.held)
     order by a.address)
   from assignment a where a.service_id = s.id and a.state <> 'released' and a.address is not null) as addresses`
const work = Prisma.sql`${isBusy(Prisma.sql`s.id`)} as busy, ${workOf(Prisma.sql`s.id`)} as work`

/** The services of a server and their addresses, as reconciliation compares them with guests. */
export function createLedgerGuests(db: Db) {
  return {
    /** The servers whose addresses a connection manages, by name. */
    servers: (connectionId: string) => db.$queryRaw<{ id: string; name: string }[]>`
      select id, name from server where connection_id = ${connectionId}::uuid order by name`,

    /**
     * A server's services that have, or had, a guest or addresses, page by page.
     * @param deleted whether deleted ones belong to them
     */
    async *servicesOn(serverId: string, deleted: boolean): AsyncGenerator<ListedService[]> {
      const pages = pagesOf({
        size: pageSize,
        keyOf: (row: Omit<Row, 'busy' | 'work'>) => row.id,
        read: after => db.$queryRaw<Omit<Row, 'busy' | 'work'>[]>`
          select ${columns} from service s
          where s.server_id = ${serverId}::uuid and s.id > ${after ?? ''} and (${deleted} or s.state <> 'deleted')
          order by s.id limit ${pageSize}::int`,
      })
      for await (const rows of pages) yield rows.map(toService)
    },

    /** How some of a server's services stand now; those that have left it are not among them. */
    async services(serverId: string, ids: string[]): Promise<Map<string, GuestService>> {
      const rows: Row[] = await db.$queryRaw`
        select ${columns}, ${work} from service s where s.id = any (${ids}::text[]) and s.server_id = ${serverId}::uuid`
      return new Map(rows.map(({ busy, work, ...row }) => [row.id, { ...toService(row), busy, work }]))
    },

    /**
     * The addresses that a service came with when it was taken over: in use, although nothing here has configured
     * them. And whether it has moved to another server since.
     */
    async takenOver(serviceId: string): Promise<{ addresses: Address[]; moved: boolean }> {
      const rows = await db.$queryRaw<{ address: Address; moved: boolean }[]>`
        select host(a.address) as address,
          exists (select from operation o where o.service_id = a.service_id and o.payload ? 'leaves') as moved
        from assignment a
        where a.service_id = ${serviceId} and a.state in ('active', 'releasing') and a.held and a.address is not null
          and not exists (
            select from operation o where o.assignment_id = a.id and o.kind = 'allocate' and o.state = 'done')
        order by a.address`
      return { addresses: rows.map(({ address }) => address), moved: rows.some(({ moved }) => moved) }
    },

    /** Who has each of these addresses, in the address space of a connection. */
    async tenants(connectionId: string, addresses: Address[]): Promise<Map<Address, Tenant>> {
      const rows = await db.$queryRaw<(Tenant & { address: Address })[]>`
        select a.address, s.id as service, s.guest from assignment a
        join connection c on c.address_space = a.address_space join service s on s.id = a.service_id
        where c.id = ${connectionId}::uuid and a.address = any (${addresses}::inet[]) and a.state = 'active' and not a.licence`
      return new Map(rows.map(({ address, ...tenant }) => [address, tenant]))
    },
  }
}

function toService({ addresses, ...row }: Omit<Row, 'busy' | 'work'>): ListedService {
  const guest = row.guest ?? undefined
  return {
    service: {
      id: row.id,
      kind: row.kind ?? '',
      client: row.client ?? '',
      domain: row.domain ?? '',
      guest,
      setup: row.setup,
    },
    entry: { id: row.id, guest, addresses: addresses ?? [] },
  }
}
