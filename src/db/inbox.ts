import type { Aspect, Assignment, OpenOperation, Service, ServiceState } from '../domain/service-state.ts'
import { sameStamp } from '../domain/stamp.ts'
import { isTerminal } from '../domain/states.ts'
import { Prisma, type Queryable } from './client.ts'

/** An event that was taken in before. */
export interface KnownEvent {
  id: string
  source: string
  eventId: string
  bodyHash: string
  operations: string[]
}

/** An event as it is stored. */
export interface StoredEvent {
  id: string
  source: string
  event_id: string
  type: string
  status: 'accepted' | 'superseded'
  time: Date
  sequence: string | null
  data: unknown
  body_hash: string
  via: string
}

/** Everything that taking in some events changes. */
export interface Changes {
  events: StoredEvent[]
  services: { before: ServiceState; after: ServiceState }[]
  /** What each new operation is caused by, by our own id of the event. */
  causes: Map<string, string>
}

/** Which of these events are in the inbox already, by `source` and `id`. */
export async function findEvents(
  tx: Queryable,
  keys: { source: string; id: string }[],
): Promise<KnownEvent[]> {
  return tx.$queryRaw<KnownEvent[]>`
    select e.id, e.source, e.event_id as "eventId", e.body_hash as "bodyHash",
      array(select o.id::text from operation o where o.event_id = e.id order by o.seq) as operations
    from jsonb_to_recordset(${JSON.stringify(keys)}::jsonb) as k (source text, id text)
    join event e on e.source = k.source and e.event_id = k.id`
}

/** Where the addresses of a server's services come from. */
export interface ServerGrounds {
  connection: string
  /** The pools that it is limited to. */
  pools: string[] | null
}

/** What is known of the servers with these names. */
export async function knownServers(tx: Queryable, names: string[]): Promise<Map<string, ServerGrounds>> {
  const rows = await tx.$queryRaw<(ServerGrounds & { name: string })[]>`
    select name, connection_id as connection,
      case when jsonb_typeof(options -> 'pools') = 'array' and options -> 'pools' <> '[]' then
        array(select jsonb_array_elements_text(options -> 'pools')) end as pools
    from server where name = any (${names}::text[])`
  return new Map(rows.map(row => [row.name, row]))
}

/**
 * Writes what the planner decided. All that is new comes in one statement, however many events there are: each way to
 * the database and back costs as much as many rows, and all the more on a machine with much to do.
 */
export async function saveChanges(tx: Queryable, changes: Changes): Promise<void> {
  const created = changes.services
    .filter(({ before }) => before.service === undefined)
    .map(({ after }) => after.service)
  const renewed = changes.services.filter(
    ({ before, after }) => before.service && before.service !== after.service,
  )
  await updateServices(
    tx,
    renewed.map(({ after }) => after.service).filter(service => service !== undefined),
  )
  const perService = changes.services.map(({ before, after }) => {
    const owner = after.service?.id
    return {
      assignments: changed(before.assignments, after.assignments).map(item => ({
        ...item,
        owner,
        isNamed: isNamed(before.assignments, item),
      })),
      operations: changed(before.operations, after.operations).map(item => ({ ...item, owner })),
      aspects: [...after.aspects]
        .filter(([name, aspect]) => before.aspects.get(name) !== aspect)
        .map(([name, aspect]) => ({ owner, name, ...aspect })),
    }
  })
  const assignments = perService.flatMap(change => change.assignments)
  // What leaves a slot goes before what comes into it: the index on slots looks after each statement.
  await updateAssignments(
    tx,
    assignments.filter(item => !item.isNew),
  )
  const operations = perService.flatMap(change => change.operations)
  const services = insertServices(created.filter(service => service !== undefined))
  const aspects = upsertAspects(perService.flatMap(change => change.aspects))
  await tx.$executeRaw`
    with services as (${services}), assignments as (${insertAssignments(assignments.filter(isNew))}),
      aspects as (${aspects}), events as (${insertEvents(changes.events)})
    ${insertOperations(operations.filter(isNew).map(item => ({ ...item, cause: changes.causes.get(item.eventId) })))}`
  await updateOperations(
    tx,
    operations.filter(item => !item.isNew),
  )
}

type Tagged<T> = T & { isNew: boolean }
const isNew = (item: { isNew: boolean }) => item.isNew

/** Whether the planner had something to say about the name. */
function isNamed(before: readonly Assignment[], { id, ptrWish, ptrStamp }: Assignment): boolean {
  const known = before.find(a => a.id === id)
  return known?.ptrWish !== ptrWish || !sameStamp(known?.ptrStamp, ptrStamp)
}

/** The items that are not the very same objects as before: the planner never changes one in place. */
function changed<T extends { id: string }>(before: readonly T[], after: readonly T[]): Tagged<T>[] {
  const known = new Map(before.map(item => [item.id, item]))
  return after
    .filter(item => known.get(item.id) !== item)
    .map(item => ({ ...item, isNew: !known.has(item.id) }))
}

const serviceColumns = (service: Service) => ({ ...service, setup: service.setup ?? {} })

function insertServices(services: Service[]): Prisma.Sql {
  const rows = [...services].sort((a, b) => (a.id < b.id ? -1 : 1)).map(serviceColumns)
  return Prisma.sql`
    insert into service (id, state, kind, client, domain, server_id, guest, setup, created_stamp, deleted_stamp)
    select i.id, i.state, i.kind, i.client, i.domain, v.id, i.guest, i.setup, i.created, i.deleted
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as i (
      id text, state text, kind text, client text, domain text, server text, guest text, setup jsonb, created jsonb, deleted jsonb)
    left join server v on v.name = i.server`
}

async function updateServices(tx: Queryable, services: Service[]): Promise<void> {
  if (services.length === 0) return
  await tx.$executeRaw`
    update service s
    set state = i.state, kind = i.kind, client = i.client, domain = i.domain, server_id = v.id, guest = i.guest,
        setup = i.setup, created_stamp = i.created, deleted_stamp = i.deleted, updated_at = now()
    from jsonb_to_recordset(${JSON.stringify(services.map(serviceColumns))}::jsonb) as i (
      id text, state text, kind text, client text, domain text, server text, guest text, setup jsonb, created jsonb, deleted jsonb)
    left join server v on v.name = i.server
    where s.id = i.id`
}

type Owned<T> = Tagged<T> & { owner: string | undefined }

function insertAssignments(assignments: Owned<Assignment>[]): Prisma.Sql {
  return Prisma.sql`
    insert into assignment (id, service_id, slot, family, state, licence, held, requested, pool, ptr_wish, ptr_stamp, entitled, replaces)
    select i.id, i.owner, i.slot, i.family, i.state, i.licence, i.held, i.requested, i.pool, i."ptrWish", i."ptrStamp", i.entitled, i.replaces
    from jsonb_to_recordset(${JSON.stringify(assignments)}::jsonb) as i (
      id uuid, owner text, slot text, family smallint, state text, licence boolean, held boolean, requested inet,
      pool text, "ptrWish" text, "ptrStamp" jsonb, entitled jsonb, replaces uuid)`
}

/**
 * Only what the planner decided: state and address belong to the workers, but for the start of a release, and
 * a worker may have found a PTR change's address while the planner thought of something else.
 */
async function updateAssignments(
  tx: Queryable,
  assignments: (Owned<Assignment> & { isNamed: boolean })[],
): Promise<void> {
  if (assignments.length === 0) return
  await tx.$executeRaw`
    update assignment a
    set state = case when i.state = 'releasing' then 'releasing' else a.state end,
        ptr_wish = case when i."isNamed" then i."ptrWish" else a.ptr_wish end,
        ptr_stamp = case when i."isNamed" then i."ptrStamp" else a.ptr_stamp end,
        entitled = i.entitled, licence = i.licence, held = i.held
    from jsonb_to_recordset(${JSON.stringify(assignments)}::jsonb) as i (
      id uuid, state text, "ptrWish" text, "ptrStamp" jsonb, "isNamed" boolean, entitled jsonb, licence boolean, held boolean)
    where a.id = i.id`
}

function upsertAspects(aspects: (Aspect & { owner: string | undefined; name: string })[]): Prisma.Sql {
  const rows = aspects.map(({ ptr, ...aspect }) => ({ ...aspect, value: ptr === undefined ? null : { ptr } }))
  return Prisma.sql`
    insert into aspect (service_id, name, stamp, value)
    select i.owner, i.name, i.stamp, nullif(i.value, 'null'::jsonb)
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as i (owner text, name text, stamp jsonb, value jsonb)
    on conflict (service_id, name) do update set stamp = excluded.stamp, value = excluded.value`
}

/** In one order for everybody, so that two that insert the same events wait for each other and do not deadlock. */
function insertEvents(events: StoredEvent[]): Prisma.Sql {
  return Prisma.sql`
    insert into event (id, source, event_id, type, status, time, sequence, data, body_hash, via)
    select i.id, i.source, i.event_id, i.type, i.status, i.time, i.sequence, i.data, i.body_hash, i.via
    from jsonb_to_recordset(${JSON.stringify(events)}::jsonb) as i (
      id uuid, source text, event_id text, type text, status text, time timestamptz, sequence text, data jsonb, body_hash text, via text)
    order by i.source, i.event_id`
}

/** In the order in which they stand, which becomes the order of their service. */
function insertOperations(operations: (Owned<OpenOperation> & { cause: string | undefined })[]): Prisma.Sql {
  const rows = operations.map((operation, n) => ({ ...operation, n, ended: isTerminal(operation.state) }))
  return Prisma.sql`
    insert into operation (id, kind, state, service_id, assignment_id, event_id, cause, payload, stamp, announce_at, ended_at)
    select i.id, i.kind, i.state, i.owner, i."assignmentId", i."eventId", i.cause, i.payload, i.stamp,
      case i.state when 'queued' then now() + interval '5 seconds' when 'waiting' then now() + interval '1 day' end,
      case when i.ended then now() end
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as i (
      id uuid, kind text, state text, owner text, "assignmentId" uuid, "eventId" uuid, cause text, payload jsonb, stamp jsonb, ended boolean, n int)
    order by i.n`
}

/** Ends what a later event made pointless, unless it runs by now, and sends what waited to the end of the line. */
async function updateOperations(tx: Queryable, operations: Owned<OpenOperation>[]): Promise<void> {
  if (operations.length === 0) return
  const ids = (state: string) => operations.filter(operation => operation.state === state).map(({ id }) => id)
  await tx.$executeRaw`
    update operation set state = 'superseded', ended_at = now(), announce_at = null
    where id = any (${ids('superseded')}::uuid[]) and state in ('queued', 'waiting', 'parked')`
  await tx.$executeRaw`
    with line as materialized (
      select u.id, nextval(pg_get_serial_sequence('operation', 'seq')) as seq
      from (select id from unnest(${ids('queued')}::uuid[]) with ordinality as given (id, n) order by n) u)
    update operation o set state = 'queued', announce_at = now() + interval '5 seconds', seq = line.seq
    from line where o.id = line.id and o.state in ('waiting', 'queued')`
}
