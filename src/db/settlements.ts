import type { Address } from '../domain/address.ts'
import type { Marker } from '../domain/marker.ts'
import type { Message } from '../domain/outcome.ts'
import type { OperationPayload } from '../domain/service-state.ts'
import type { Db } from './client.ts'
import { newId } from './ids.ts'
import type { Holder } from './reservations.ts'

export interface ConflictReport {
  operationId: string
  epoch: number
  assignmentId: string
  serviceId: string
  addressSpace: string
  address: Address
  connectionId: string
  marker: Marker
  holder: Holder
  message: Message
}

/** The address that a service keeps: where it was to be taken off, and where its service is now. */
interface Kept {
  id: string
  leaves: NonNullable<OperationPayload['leaves']> | null
  server: string | null
}

/** Conflicts over addresses, as workers meet them and carry out what was decided about them. */
export function createSettlements(db: Db) {
  return {
    /** Whether an operator's decision, which has not been carried out to its end, gives the assignment its address. */
    async isDecided(assignmentId: string): Promise<boolean> {
      const [row] = await db.$queryRaw<{ decided: boolean }[]>`
        select exists (
          select from operation o
          where o.assignment_id = ${assignmentId}::uuid and o.kind = 'allocate' and o.payload ? 'settles'
            and o.state not in ('done', 'superseded', 'cancelled')) as decided`
      return row?.decided ?? false
    },

    /** What the record of an address in conflict may carry: the markers of all open conflicts over it. */
    async marksInConflict(conflict: string): Promise<Marker[]> {
      const rows = await db.$queryRaw<{ marker: Marker }[]>`
        select o.marker from conflict k join conflict o on o.address_space = k.address_space and o.address = k.address
        where k.id = ${conflict}::uuid and o.resolved_at is null order by o.id`
      return rows.map(({ marker }) => marker)
    },

    /**
     * Ends the replacement of an address: the service keeps the one that it has, whose release waits for the new one.
     * @returns revoked where the service is entitled to neither any more; lost: the fence
     */
    async keepFormer(
      fence: { id: string; epoch: number },
      { serviceId, assignmentId }: { serviceId: string; assignmentId: string },
    ): Promise<'kept' | 'revoked' | 'lost'> {
      return db.$transaction(async tx => {
        // Nobody plans for the service meanwhile.
        await tx.$queryRaw`select id from service where id = ${serviceId} for no key update`
        const mine = await tx.$queryRaw<unknown[]>`
          select id from operation
          where id = ${fence.id}::uuid and epoch = ${fence.epoch}::int and state = 'running' for update`
        if (mine.length === 0) return 'lost'
        const [kept] = await tx.$queryRaw<Kept[]>`
          with dropped as (
            update assignment set state = 'released', released_at = now()
            where id = ${assignmentId}::uuid and state = 'pending'
            returning id::text, entitled, ptr_wish, ptr_stamp),
          ended as (
            update operation r set state = 'superseded', ended_at = now(), announce_at = null from dropped
            where r.service_id = ${serviceId} and r.kind = 'release' and r.payload ->> 'replacedBy' = dropped.id
              and r.state in ('queued', 'waiting', 'parked', 'failed')
            returning r.assignment_id, r.payload -> 'leaves' as leaves)
          update assignment a
          set state = 'active', entitled = dropped.entitled, ptr_wish = dropped.ptr_wish, ptr_stamp = dropped.ptr_stamp
          from ended, dropped where a.id = ended.assignment_id and a.state = 'releasing'
          returning a.id, ended.leaves, (
            select v.name from service s join server v on v.id = s.server_id where s.id = a.service_id) as server`
        if (kept === undefined) return 'revoked'
        // What was said of it meanwhile is done now: its server, its name.
        const { leaves, server } = kept
        const hasLeft = leaves !== null && server !== null && leaves.server !== server
        const next = [
          ...(hasLeft ? [{ id: newId(), kind: 'release', payload: { leaves, keep: true }, n: 0 }] : []),
          { id: newId(), kind: 'allocate', payload: {}, n: 1 },
        ]
        await tx.$executeRaw`
          insert into operation (id, kind, state, service_id, assignment_id, cause, payload, announce_at)
          select i.id, i.kind, 'queued', o.service_id, ${kept.id}::uuid, o.cause, i.payload, now()
          from operation o, jsonb_to_recordset(${JSON.stringify(next)}::jsonb) as i (id uuid, kind text, payload jsonb, n int)
          where o.id = ${fence.id}::uuid order by i.n`
        return 'kept'
      })
    },

    /** Closes a conflict that an operator has decided, once what was decided is done. @returns false where the fence was lost */
    async settleConflict(fence: { id: string; epoch: number }, conflict: string): Promise<boolean> {
      const written = await db.$executeRaw`
        update conflict k set resolved_at = coalesce(k.resolved_at, now()) from operation o
        where k.id = ${conflict}::uuid and o.id = ${fence.id}::uuid and o.epoch = ${fence.epoch}::int and o.state = 'running'`
      return written === 1
    },

    /**
     * Stores a conflict, raises the claimant's count (so that it goes on under the next marker) and tells
     * billing. @returns false where the fence was lost
     */
    async recordConflict(report: ConflictReport): Promise<boolean> {
      const written = await db.$executeRaw`
        with mine as (
          select id from operation
          where id = ${report.operationId}::uuid and epoch = ${report.epoch}::int and state = 'running' for update),
        stored as (
          insert into conflict (id, address_space, address, connection_id, operation_id, claimant_id, claimant_service, holder_id, holder_service, marker)
          select ${newId()}::uuid, ${report.addressSpace}, ${report.address}::inet, ${report.connectionId}::uuid, mine.id,
            ${report.assignmentId}::uuid, ${report.serviceId}, ${report.holder.assignmentId}::uuid, ${report.holder.serviceId}, ${report.marker}
          from mine returning operation_id),
        counted as (
          update assignment set conflicts = conflicts + 1 from stored where id = ${report.assignmentId}::uuid)
        insert into outbox (type, service_id, operation_id, data)
        select ${report.message.type}, ${report.serviceId}, operation_id, ${JSON.stringify(report.message.data)}::jsonb from stored`
      return written === 1
    },
  }
}
