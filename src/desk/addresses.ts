import { type Db, Prisma } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import { AddressError, canonicalAddress, type FamilyName, familyName } from '../domain/address.ts'
import { markerOf } from '../domain/marker.ts'
import type { AssignmentState } from '../domain/states.ts'
import { IpbridgeError } from '../errors.ts'
import type { Intake, Receipt } from '../intake/intake.ts'
import { type Actor, audit } from './actor.ts'
import { type Confirmations, confirmationColumn } from './confirmations.ts'
import { type Page, type PageQuery, page } from './paging.ts'

/** An assignment as the outside sees it. */
export interface AddressView {
  address: string | null
  family: FamilyName
  service: string
  slot: string
  state: AssignmentState
  ptr: string | null
  server: string | null
  connection: string | null
  marker: string
  /** Where people configure the server: whether one of them has said that it is done. */
  confirmation: 'pending' | 'confirmed' | null
  assignedAt: Date | null
  releasedAt: Date | null
}

export interface AddressFilter extends PageQuery {
  service?: string | undefined
  client?: string | undefined
  server?: string | undefined
  connection?: string | undefined
  family?: FamilyName | undefined
  /** default: everything but `released` */
  state?: AssignmentState | undefined
  confirmation?: 'pending' | 'confirmed' | undefined
}

export interface ConflictSeen {
  id: string
  address: string
  claimant: string
  holder: string
  createdAt: Date
  resolvedAt: Date | null
  resolution: string | null
}

interface Row extends Omit<AddressView, 'family' | 'marker'> {
  id: string
  family: number
  conflicts: number
}

const columns = Prisma.sql`
  a.id, host(a.address) as address, a.family, a.service_id as service, a.slot, a.state, a.ptr, v.name as server,
  c.name as connection, a.conflicts, ${confirmationColumn} as confirmation, a.assigned_at as "assignedAt", a.released_at as "releasedAt"`
const tables = Prisma.sql`
  assignment a join service s on s.id = a.service_id left join server v on v.id = s.server_id
  left join connection c on c.id = a.connection_id`

export type AddressDesk = ReturnType<typeof addressDesk>

/** Addresses and who has, had or wants them. A client sees those of its own services. */
export function addressDesk({
  db,
  intake,
  confirmations,
}: {
  db: Db
  intake: Intake
  confirmations: Confirmations
}) {
  /** One address with all who ever had it, newest first. @throws not_found, also for what is not the client's */
  async function history(actor: Actor, input: string) {
    const address = parseAddress(input)
    const rows = await db.$queryRaw<Row[]>`
      select ${columns} from ${tables}
      where a.address = ${address}::inet and ${ownedBy(actor)}
      order by a.state = 'released', a.assigned_at desc nulls last, a.id desc`
    const conflicts = await db.$queryRaw<ConflictSeen[]>`
      select k.id, host(k.address) as address, k.claimant_service as claimant, k.holder_service as holder,
        k.created_at as "createdAt", k.resolved_at as "resolvedAt", k.resolution
      from conflict k where k.address = ${address}::inet order by k.id desc`
    const [current] = rows
    if (current === undefined && (conflicts.length === 0 || actor.client !== undefined)) {
      throw new IpbridgeError('not_found', `nobody has, or ever had, ${address}`)
    }
    const shown = actor.client === undefined ? conflicts : []
    return {
      ...(current ? presentAddress(current) : {}),
      address,
      history: rows.map(presentAddress),
      conflicts: shown,
    }
  }

  return {
    list(actor: Actor, filter: AddressFilter): Promise<Page<AddressView>> {
      const where = Prisma.join(
        [
          Prisma.sql`a.address is not null`,
          ownedBy(actor),
          filter.state ? Prisma.sql`a.state = ${filter.state}` : Prisma.sql`a.state <> 'released'`,
          ...(filter.service ? [Prisma.sql`a.service_id = ${filter.service}`] : []),
          ...(filter.client ? [Prisma.sql`s.client = ${filter.client}`] : []),
          ...(filter.server ? [Prisma.sql`v.name = ${filter.server}`] : []),
          ...(filter.connection ? [Prisma.sql`c.name = ${filter.connection}`] : []),
          ...(filter.confirmation ? [Prisma.sql`${confirmationColumn} = ${filter.confirmation}`] : []),
          ...(filter.family ? [Prisma.sql`a.family = ${filter.family === 'ipv6' ? 6 : 4}`] : []),
        ],
        ' and ',
      )
      const read = (after: string | undefined, take: number) => db.$queryRaw<Row[]>`
        select ${columns} from ${tables}
        where ${where} and (${after ?? null}::uuid is null or a.id < ${after ?? null}::uuid)
        order by a.id desc limit ${take}::int`
      return page(filter, read, row => row.id, presentAddress)
    },

    history,

    /** The addresses of some services, for showing them with the services. */
    async ofServices(services: string[]): Promise<Map<string, AddressView[]>> {
      const rows = await db.$queryRaw<Row[]>`
        select ${columns} from ${tables}
        where a.service_id = any (${services}::text[]) and a.state <> 'released'
        order by a.slot, a.family, a.id`
      const views = new Map<string, AddressView[]>(services.map(service => [service, []]))
      for (const row of rows) views.get(row.service)?.push(presentAddress(row))
      return views
    },

    /** The addresses that some operations are about. */
    async ofOperations(operations: string[]): Promise<{ operation: string; view: AddressView }[]> {
      const rows = await db.$queryRaw<(Row & { operation: string })[]>`
        select o.id as operation, ${columns} from operation o
        join assignment a on a.id = o.assignment_id
        join service s on s.id = a.service_id left join server v on v.id = s.server_id
        left join connection c on c.id = a.connection_id
        where o.id = any (${operations}::uuid[]) and a.address is not null order by o.seq`
      return rows.map(({ operation, ...row }) => ({ operation, view: presentAddress(row) }))
    },

    /**
     * Says that people have configured an address on its server, which has no panel. Billing is told.
     * @throws wrong_state where nothing waits for that
     */
    async confirm(actor: Actor, input: string, reason?: string): Promise<AddressView> {
      const live = liveIn((await history(actor, input)).history, input)
      await confirmations.confirm(actor, live, reason)
      return liveIn((await history(actor, input)).history, input)
    },

    /** Changes the PTR of a live address, as an ordinary operation. null removes it. */
    async setPtr(actor: Actor, input: string, ptr: string | null, reason?: string): Promise<Receipt> {
      const live = liveIn((await history(actor, input)).history, input)
      const data = { address: live.address, ptr, service: live.service }
      const event = {
        specversion: '1.0',
        id: newId(),
        source: `ipbridge:${actor.name}`,
        type: 'ptr.changed',
        data,
      }
      const [receipt] = await intake.accept([event], 'api')
      await db.$transaction(tx =>
        audit(tx, actor, {
          action: 'address.ptr',
          subject: `address:${live.address}`,
          reason,
          change: { from: live.ptr, to: ptr },
        }),
      )
      return receipt as Receipt
    },
  }
}

/** Of all who ever had an address, the one who has it. @throws address_not_assigned */
function liveIn(rows: AddressView[], input: string): AddressView & { address: string } {
  const live = rows.find(row => row.state === 'reserved' || row.state === 'active')
  if (live?.address != null) return { ...live, address: live.address }
  const why = `${parseAddress(input)} is not assigned to any service at present`
  throw new IpbridgeError('address_not_assigned', why)
}

/** The condition that keeps a client to its own services. */
function ownedBy(actor: Actor): Prisma.Sql {
  return actor.client === undefined ? Prisma.sql`true` : Prisma.sql`s.client = ${actor.client}`
}

export function presentAddress({ id, family, conflicts, ...row }: Row): AddressView {
  return { ...row, family: familyName(family), marker: markerOf({ id, conflicts }) }
}

function parseAddress(input: string): string {
  try {
    return canonicalAddress(input)
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw new IpbridgeError('invalid_request', error.message, {
      faults: [{ pointer: '/address', message: error.message }],
    })
  }
}
