import type { ConflictFacts, Decision, Resolution } from '../domain/conflict.ts'
import { Prisma, type Transaction } from './client.ts'

interface Row extends Omit<ConflictFacts, 'decided' | 'heldBy'> {
  decided: ConflictFacts['decided'] | null
  heldBy: string | null
}

/**
 * Reads a conflict as it is now, and locks it with both services and with all other conflicts over its address: nobody
 * decides about any of them meanwhile.
 * @returns undefined where there is no such conflict
 */
export async function lockConflict(tx: Transaction, id: string): Promise<ConflictFacts | undefined> {
  const [conflict] = await tx.$queryRaw<{ services: string[] }[]>`
    select array[claimant_service, holder_service] as services from conflict where id = ${id}::uuid`
  if (conflict === undefined) return undefined
  // In the order in which everybody locks services.
  await tx.$queryRaw`
    select id from service where id = any (${conflict.services}::text[]) order by id for no key update`
  await tx.$queryRaw`
    select o.id from conflict k join conflict o on o.address_space = k.address_space and o.address = k.address
    where k.id = ${id}::uuid order by o.id for no key update of o`
  const [row] = await tx.$queryRaw<Row[]>`
    select k.id, host(k.address) as address, k.connection_id as connection, k.marker, k.resolved_at is not null as resolved,
      (select jsonb_build_object('conflict', d.id, 'operation', o.id, 'state', o.state)
        from conflict d join operation o on o.id = any (d.decisions::uuid[])
        where d.address_space = k.address_space and d.address = k.address
          and o.state not in ('done', 'superseded', 'cancelled')
        order by o.seq desc limit 1) as decided,
      ${sideOf('h')} as holder, ${sideOf('c')} as claimant,
      k.holder_service as "metHolder",
      live.service_id as "heldBy"
    from conflict k
    left join assignment live on live.address_space = k.address_space and live.address = k.address
      and live.state <> 'released' and not live.licence
    left join lateral (
      select a.id from assignment a
      where a.service_id = k.holder_service and a.address_space = k.address_space and a.address = k.address and not a.licence
      order by a.released_at desc nulls first limit 1) last on true
    join assignment h on h.id = coalesce(live.id, last.id, k.holder_id)
    join assignment c on c.id = k.claimant_id
    where k.id = ${id}::uuid`
  return row && { ...row, decided: row.decided ?? undefined, heldBy: row.heldBy ?? undefined }
}

/** One of the two services, with what it has. @param assignment the name of the row that says it */
function sideOf(assignment: 'h' | 'c'): Prisma.Sql {
  const a = Prisma.raw(assignment)
  return Prisma.sql`(
    select jsonb_build_object('assignment', ${a}.id, 'service', ${a}.service_id, 'state', ${a}.state,
      'address', host(${a}.address), 'connection', ${a}.connection_id, 'conflicts', ${a}.conflicts,
      'server', v.name, 'guest', s.guest,
      'busy', exists (select from operation o where o.assignment_id = ${a}.id and o.state = 'running'))
    from service s left join server v on v.id = s.server_id where s.id = ${a}.service_id)`
}

/** Writes down what was decided, and the operations that carry it out. @param cause who decided */
export async function saveDecision(
  tx: Transaction,
  conflict: string,
  resolution: Resolution,
  { replaced, operations }: Decision,
  cause: string,
): Promise<void> {
  const ids = operations.map(({ id }) => id)
  await tx.$executeRaw`
    update conflict set resolution = ${resolution}, decisions = ${ids}::text[] where id = ${conflict}::uuid`
  const leaving = replaced.map(({ assignment }) => assignment)
  // What leaves a slot goes before what comes into it.
  await tx.$executeRaw`update assignment set state = 'releasing' where id = any (${leaving}::uuid[])`
  await tx.$executeRaw`
    update operation set state = 'superseded', ended_at = now(), announce_at = null
    where assignment_id = any (${leaving}::uuid[]) and state in ('queued', 'waiting', 'parked') and kind <> 'release'`
  await tx.$executeRaw`
    insert into assignment (id, service_id, slot, family, state, licence, held, requested, pool, ptr_wish, ptr_stamp, entitled, replaces)
    select i.by, a.service_id, a.slot, a.family, 'pending', a.licence, a.held, i.requested,
      case when i.requested is null then a.pool end, a.ptr_wish, a.ptr_stamp, a.entitled, a.id
    from jsonb_to_recordset(${JSON.stringify(replaced)}::jsonb) as i (assignment uuid, by uuid, requested inet)
    join assignment a on a.id = i.assignment`
  const rows = operations.map((operation, n) => ({ ...operation, n }))
  await tx.$executeRaw`
    insert into operation (id, kind, state, service_id, assignment_id, connection_id, cause, payload, announce_at)
    select i.id, i.kind, 'queued', i.service, i.assignment, i.connection, ${cause}, i.payload, now() + interval '5 seconds'
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as i (
      id uuid, kind text, service text, assignment uuid, connection uuid, payload jsonb, n int)
    order by i.n`
}
