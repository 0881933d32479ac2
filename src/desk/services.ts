import type { Db } from '../db/client.ts'
import { isUniqueViolation, Prisma } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import { familyOf } from '../domain/address.ts'
import { licenceKind, mainSlot } from '../domain/service-state.ts'
import type { ServiceLife } from '../domain/states.ts'
import { IpbridgeError } from '../errors.ts'
import { type Actor, audit } from './actor.ts'
import type { AddressDesk, AddressView } from './addresses.ts'
import { type Page, type PageQuery, page } from './paging.ts'
import type { ServiceInput } from './schemas.ts'

export interface ServiceView {
  id: string
  kind: string | null
  client: string | null
  domain: string | null
  server: string | null
  state: ServiceLife
  guest: string | null
  addresses: AddressView[]
  /** The latest ones, newest first. */
  operations: { id: string; kind: string; state: string; createdAt: Date; endedAt: Date | null }[]
}

export interface ServiceFilter extends PageQuery {
  client?: string | undefined
  kind?: string | undefined
  server?: string | undefined
  state?: ServiceLife | undefined
  domain?: string | undefined
}

type Row = Omit<ServiceView, 'addresses' | 'operations'>

const shownOperations = 20

/** What billing sells, and what it has. */
export function serviceDesk({ db, addresses }: { db: Db; addresses: AddressDesk }) {
  async function complete(rows: Row[]): Promise<ServiceView[]> {
    const ids = rows.map(row => row.id)
    const views = await addresses.ofServices(ids)
    const operations = await db.$queryRaw<(ServiceView['operations'][number] & { service: string })[]>`
      select o.service_id as service, o.id, o.kind, o.state, o.created_at as "createdAt", o.ended_at as "endedAt"
      from unnest(${ids}::text[]) as s (id) cross join lateral (
        select * from operation where service_id = s.id order by id desc limit ${shownOperations}::int) o`
    return rows.map(row => ({
      ...row,
      addresses: views.get(row.id) ?? [],
      operations: operations
        .filter(o => o.service === row.id)
        .map(({ service: _, ...operation }) => operation),
    }))
  }

  function conditions(actor: Actor, filter: ServiceFilter): Prisma.Sql {
    const client = actor.client ?? filter.client
    return Prisma.join(
      [
        Prisma.sql`true`,
        ...(client ? [Prisma.sql`s.client = ${client}`] : []),
        ...(filter.kind ? [Prisma.sql`s.kind = ${filter.kind}`] : []),
        ...(filter.server ? [Prisma.sql`v.name = ${filter.server}`] : []),
        ...(filter.state ? [Prisma.sql`s.state = ${filter.state}`] : []),
        ...(filter.domain ? [Prisma.sql`s.domain = ${filter.domain}`] : []),
      ],
      ' and ',
    )
  }

  return {
    async list(actor: Actor, filter: ServiceFilter): Promise<Page<ServiceView>> {
      const where = conditions(actor, filter)
      const read = (after: string | undefined, take: number) => db.$queryRaw<Row[]>`
        select s.id, s.kind, s.client, s.domain, v.name as server, s.state, s.guest
        from service s left join server v on v.id = s.server_id
        where ${where} and (${after ?? null}::text is null or s.id > ${after ?? null}) order by s.id limit ${take}::int`
      const { items, next } = await page(
        filter,
        read,
        row => row.id,
        row => row,
      )
      return { items: await complete(items), next }
    },

    /** @throws not_found, also for what is not the client's */
    async show(actor: Actor, id: string): Promise<ServiceView> {
      const rows = await db.$queryRaw<Row[]>`
        select s.id, s.kind, s.client, s.domain, v.name as server, s.state, s.guest
        from service s left join server v on v.id = s.server_id
        where s.id = ${id} and ${conditions(actor, {})}`
      const [view] = await complete(rows)
      if (view === undefined) throw new IpbridgeError('not_found', `there is no service ${id}`)
      return view
    },

    /**
     * Enters a service that exists already, with the addresses that it has. The IPAM is not asked: what it
     * does not know of, the next reconciliation finds.
     */
    async add(actor: Actor, input: ServiceInput, reason?: string): Promise<ServiceView> {
      const server = await db.server.findUnique({
        where: { name: input.server },
        include: { connection: true },
      })
      if (server === null) throw invalid('server', `there is no server ${JSON.stringify(input.server)}`)
      const stamp = { t: Date.now(), s: 'ipbridge:desk' }
      const counted = { 4: 0, 6: 0 }
      try {
        await db.$transaction(async tx => {
          const { id, kind, client, domain, guest } = input
          await tx.service.create({
            data: {
              id,
              kind,
              client,
              domain,
              guest: guest ?? null,
              serverId: server.id,
              state: 'active',
              createdStamp: stamp,
            },
          })
          for (const address of input.addresses) {
            const family = familyOf(address)
            counted[family] += 1
            await tx.assignment.create({
              data: {
                id: newId(),
                serviceId: id,
                slot: mainSlot(counted[family]),
                family,
                state: 'active',
                address,
                addressSpace: server.connection.addressSpace,
                connectionId: server.connectionId,
                licence: kind === licenceKind,
                held: kind !== licenceKind,
                entitled: stamp,
                assignedAt: new Date(),
              },
            })
          }
          await audit(tx, actor, {
            action: 'service.add',
            subject: `service:${id}`,
            reason,
            change: { ...input },
          })
        })
      } catch (error) {
        if (!isUniqueViolation(error)) throw error
        throw isUniqueViolation(error, 'assignment_one_per_address')
          ? new IpbridgeError('already_exists', 'one of the addresses belongs to another service')
          : new IpbridgeError('already_exists', `there is a service ${input.id} already`)
      }
      return this.show(actor, input.id)
    },
  }
}

function invalid(field: string, message: string): IpbridgeError {
  return new IpbridgeError('invalid_request', message, { faults: [{ pointer: `/${field}`, message }] })
}
