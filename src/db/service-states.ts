import type {
  Aspect,
  Assignment,
  OpenOperation,
  OperationPayload,
  Service,
  ServiceState,
} from '../domain/service-state.ts'
import type { Stamp } from '../domain/stamp.ts'
import type { OperationKind, OperationState } from '../domain/states.ts'
import { Prisma, type Queryable } from './client.ts'

/**
 * What the planner needs to know of some services, which stay locked until the transaction ends, so that the
 * events of one service are decided one after the other.
 * @returns only the services that have a row
 */
export async function loadServiceStates(tx: Queryable, ids: string[]): Promise<Map<string, ServiceState>> {
  // First the locks, for which it may have to wait: what it then reads is how things stand afterwards. In one
  // statement the service would be the new one, but joined to what it was joined to before.
  const locked = await tx.$queryRaw<{ id: string }[]>`
    select id from service where id = any (${ids}::text[]) order by id for no key update`
  if (locked.length === 0) return new Map()
  const known = locked.map(({ id }) => id)
  const services = await tx.$queryRaw<ServiceRow[]>`
    select s.id, s.state, s.kind, s.client, s.domain, v.name as server, s.guest, s.setup,
      s.created_stamp as created, s.deleted_stamp as deleted
    from service s left join server v on v.id = s.server_id
    where s.id = any (${known}::text[])`
  const assignments = await tx.$queryRaw<AssignmentRow[]>`
    select a.service_id, a.id, a.slot, a.family, a.state, a.address, a.requested, a.pool, a.licence, a.held,
      a.ptr_wish as "ptrWish", a.ptr_stamp as "ptrStamp", a.entitled, a.replaces,
      floor(extract(epoch from a.assigned_at) * 1000)::float8 as since,
      case when a.replaces is not null then ${former} end as former
    from assignment a where a.service_id = any (${known}::text[]) and a.state in ('pending', 'reserved', 'active')
    order by a.id`
  const aspects = await tx.$queryRaw<AspectRow[]>`
    select service_id, name, stamp, value from aspect where service_id = any (${known}::text[])`
  const operations = await tx.$queryRaw<OperationRow[]>`
    select o.service_id, o.id, o.kind, o.state, o.assignment_id as "assignmentId", o.event_id as "eventId", o.payload, o.stamp
    from operation o
    where o.service_id = any (${known}::text[]) and o.state in ('queued', 'running', 'waiting', 'parked')
    order by o.seq`

  const [assignmentsOf, aspectsOf, operationsOf] = [group(assignments), group(aspects), group(operations)]
  return new Map(
    services.map(service => [
      service.id,
      {
        service: present<Service>(service),
        assignments: (assignmentsOf.get(service.id) ?? []).map(row => present<Assignment>(row)),
        aspects: new Map((aspectsOf.get(service.id) ?? []).map(row => [row.name, toAspect(row)])),
        operations: (operationsOf.get(service.id) ?? []).map(row => present<OpenOperation>(row)),
      },
    ]),
  )
}

/**
 * The addresses whose places an assignment takes, one after the other: of that which it replaces, and of that which it did.
 * What never worked, and was not asked for by billing, is known to nobody.
 */
const former = Prisma.sql`(
  with recursive line (id, address, requested, since, until, replaces, nth) as (
    select r.id, r.address, r.requested, r.assigned_at, r.released_at, r.replaces, 0 from assignment r where r.id = a.replaces
    union all
    select r.id, r.address, r.requested, r.assigned_at, r.released_at, r.replaces, nth + 1
    from line join assignment r on r.id = line.replaces where nth < 100)
  select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
    'address', host(coalesce(address, requested)), 'since', floor(extract(epoch from since) * 1000),
    'until', case when address is not null then floor(extract(epoch from until) * 1000) end)) order by nth)
  from line where case when address is null then requested is not null and replaces is null else since is not null end)`

/** The services that live addresses belong to. Licences only count where nobody else has the address. */
export async function servicesAt(tx: Queryable, addresses: string[]): Promise<Map<string, string>> {
  if (addresses.length === 0) return new Map()
  const rows = await tx.$queryRaw<{ address: string; service_id: string }[]>`
    select distinct on (a.address) a.address, a.service_id from assignment a
    where a.address = any (${addresses}::inet[]) and a.state in ('reserved', 'active')
    order by a.address, a.licence`
  return new Map(rows.map(row => [row.address, row.service_id]))
}

interface OfService {
  service_id: string
}

interface ServiceRow {
  id: string
  state: string
  kind: string | null
  created: Stamp | null
  deleted: Stamp | null
}

interface AssignmentRow extends OfService {
  id: string
}

interface AspectRow extends OfService {
  name: string
  stamp: Stamp
  value: { ptr: string | null } | null
}

interface OperationRow extends OfService {
  id: string
  kind: OperationKind
  state: OperationState
  payload: OperationPayload
}

function group<T extends OfService>(rows: T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const members = groups.get(row.service_id)
    if (members) members.push(row)
    else groups.set(row.service_id, [row])
  }
  return groups
}

function toAspect({ stamp, value }: AspectRow): Aspect {
  return value === null ? { stamp } : { stamp, ptr: value.ptr }
}

/** The domain knows no nulls: what is not there is absent. */
function present<T>(row: object): T {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as T
}
