import type { Address } from '../domain/address.ts'
import type { Stamp } from '../domain/stamp.ts'
import type { AssignmentState } from '../domain/states.ts'
import { batched } from './batch.ts'
import { type Db, isUniqueViolation } from './client.ts'
import { createSettlements } from './settlements.ts'

/** Another live assignment that has the address. */
export interface Holder {
  assignmentId: string
  serviceId: string
  /** Whether its service is entitled to it; else it is only to be released. */
  isEntitled: boolean
  /** Whether it is being released: the IPAM may have it back already. */
  isLettingGo: boolean
}

export interface Reservation {
  operationId: string
  epoch: number
  assignmentId: string
  addressSpace: string
  address: Address
  connectionId: string
  ptr: string | null
}

/** `held`: by somebody else; `revoked`: the service is no longer entitled; `lost`: the fence. */
export type Reserved =
  | { outcome: 'reserved' }
  | { outcome: 'revoked' }
  | { outcome: 'lost' }
  | { outcome: 'held'; holder: Holder }

/** A live assignment, as far as a PTR change needs it. */
export interface LiveAssignment {
  id: string
  serviceId: string
  state: AssignmentState
  ptrStamp: Stamp | null
  conflicts: number
  held: boolean
}

export type Reservations = ReturnType<typeof createReservations>

/** Binds addresses to assignments. The partial unique index on (address space, address) is the last word. */
export function createReservations(db: Db) {
  const options = { size: 200, parallel: 2 }

  const holderOf = batched(
    async (items: { assignmentId: string; addressSpace: string; address: Address; licence: boolean }[]) => {
      const rows = await db.$queryRaw<(Holder & { claimant: string })[]>`
        select i."assignmentId" as claimant, a.id as "assignmentId", a.service_id as "serviceId",
          a.state <> 'releasing' as "isEntitled", a.state = 'releasing' and exists (
            select from operation o
            where o.assignment_id = a.id and o.kind = 'release' and o.state in ('queued', 'running')) as "isLettingGo"
        from jsonb_to_recordset(${JSON.stringify(items)}::jsonb)
          as i ("assignmentId" uuid, "addressSpace" text, address inet, licence boolean)
        join assignment a on a.address_space = i."addressSpace" and a.address = i.address
        where a.state <> 'released' and not a.licence and not i.licence and a.id <> i."assignmentId"`
      const holders = new Map(rows.map(({ claimant, ...holder }): [string, Holder] => [claimant, holder]))
      return items.map(({ assignmentId }): Holder | undefined => holders.get(assignmentId))
    },
    options,
  )

  const writeReservations = batched(
    async (items: Reservation[]): Promise<Exclude<Reserved['outcome'], 'held'>[]> => {
      const rows = await db.$queryRaw<{ id: string; written: boolean }[]>`
      with mine as (
        select o.id, i.* from jsonb_to_recordset(${JSON.stringify(items)}::jsonb) as i (
          "operationId" uuid, epoch int, "assignmentId" uuid, "addressSpace" text, address inet, "connectionId" uuid, ptr text)
        join operation o on o.id = i."operationId" and o.epoch = i.epoch and o.state = 'running'
        for update of o),
      written as (
        update assignment a
        set state = case a.state when 'active' then 'active' else 'reserved' end, address = m.address,
            address_space = m."addressSpace", connection_id = m."connectionId", ptr = m.ptr
        from mine m where a.id = m."assignmentId" and a.state in ('pending', 'reserved', 'active')
        returning a.id)
      select m."operationId" as id, w.id is not null as written from mine m left join written w on w.id = m."assignmentId"`
      const outcomes = new Map(
        rows.map(row => [row.id, row.written ? ('reserved' as const) : ('revoked' as const)]),
      )
      return items.map(({ operationId }) => outcomes.get(operationId) ?? 'lost')
    },
    options,
  )

  return {
    /** Who else has the address; licences never count, neither as holder nor as claimant. */
    holderOf,

    async reserve(reservation: Reservation): Promise<Reserved> {
      try {
        return { outcome: await writeReservations(reservation) }
      } catch (error) {
        if (!isUniqueViolation(error, 'assignment_one_per_address')) throw error
        const holder = await holderOf({ ...reservation, licence: false })
        // The holder may have let go between the refusal and the look: then the next try succeeds.
        if (holder === undefined) throw error
        return { outcome: 'held', holder }
      }
    },

    /** The live assignment that has the address; of the given service where one is given. */
    async liveAt(address: Address, serviceId: string | undefined): Promise<LiveAssignment | undefined> {
      const [row] = await db.$queryRaw<LiveAssignment[]>`
        select a.id, a.service_id as "serviceId", a.state, a.ptr_stamp as "ptrStamp", a.conflicts, a.held
        from assignment a
        where a.address = ${address}::inet and a.state in ('reserved', 'active')
          and (${serviceId ?? null}::text is null or a.service_id = ${serviceId ?? null})
        order by a.licence limit 1`
      return row
    },

    /** Whether a service had this address, or had asked for it, has given it back, and gets no other just now. */
    async hasGivenBack(address: Address, serviceId: string): Promise<boolean> {
      const [row] = await db.$queryRaw<{ gone: boolean }[]>`
        select exists (
          select from assignment a
          where a.service_id = ${serviceId} and ${address}::inet in (a.address, a.requested) and a.state in ('releasing', 'released'))
        and not exists (
          select from assignment a where a.service_id = ${serviceId} and a.state = 'pending') as gone`
      return row?.gone ?? false
    },

    /**
     * How an assignment stands, and in which state the operation is that still works on its address, if one does. Of one
     * that is replaced itself by now: how that one stands which takes its place in the end.
     */
    async standing(assignmentId: string): Promise<{ state: AssignmentState; open: string | undefined }> {
      const [row] = await db.$queryRaw<{ state: AssignmentState; open: string | null }[]>`
        with recursive line (id, nth) as (
          select ${assignmentId}::uuid, 0
          union all
          select (r.payload ->> 'replacedBy')::uuid, line.nth + 1
          from line join operation r on r.assignment_id = line.id
          where r.kind = 'release' and r.payload ? 'replacedBy' and r.state not in ('superseded', 'cancelled') and line.nth < 100)
        select a.state, (
          select o.state from operation o
          where o.assignment_id = a.id and o.kind = 'allocate' and o.state in ('queued', 'running', 'waiting', 'parked')
          order by o.seq limit 1) as open
        from line join assignment a on a.id = line.id order by line.nth desc limit 1`
      return { state: row?.state ?? 'released', open: row?.open ?? undefined }
    },

    /**
     * Writes down which PTR an address shall have, unless another change has come in since `seen` was read:
     * then it is `overtaken`, and the caller looks again. `lost`: the fence.
     */
    async wishPtr(
      fence: { id: string; epoch: number },
      seen: Pick<LiveAssignment, 'id' | 'ptrStamp'>,
      ptr: string,
      stamp: Stamp,
    ): Promise<'written' | 'overtaken' | 'lost'> {
      const was = seen.ptrStamp === null ? null : JSON.stringify(seen.ptrStamp)
      const [row] = await db.$queryRaw<{ ours: boolean; written: boolean }[]>`
        with mine as (
          select id from operation
          where id = ${fence.id}::uuid and epoch = ${fence.epoch}::int and state = 'running' for update),
        written as (
          update assignment a set ptr_wish = ${ptr}, ptr_stamp = ${JSON.stringify(stamp)}::jsonb
          from mine where a.id = ${seen.id}::uuid and a.ptr_stamp is not distinct from ${was}::jsonb
          returning a.id),
        tied as (
          update operation o set assignment_id = written.id from written, mine where o.id = mine.id)
        select exists (select from mine) as ours, exists (select from written) as written`
      if (!row?.ours) return 'lost'
      return row.written ? 'written' : 'overtaken'
    },

    /**
     * Writes down which guest of its server runs a service, unless the service has left that server meanwhile: at the
     * next one it has another. Takes no lock but that of the service.
     * @returns false where the fence was lost
     */
    async recordGuest(
      fence: { id: string; epoch: number },
      { id, serverId }: { id: string; serverId: string },
      guest: string,
    ): Promise<boolean> {
      const written = await db.$executeRaw`
        update service set guest = case when server_id = ${serverId}::uuid then ${guest} else guest end from operation o
        where service.id = ${id} and o.id = ${fence.id}::uuid and o.epoch = ${fence.epoch}::int and o.state = 'running'`
      return written === 1
    },

    ...createSettlements(db),
  }
}
