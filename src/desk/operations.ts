import { setTimeout as sleep } from 'node:timers/promises'
import { type Db, Prisma } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import { isFinal, isTerminal, type OperationKind, type OperationState } from '../domain/states.ts'
import { IpbridgeError } from '../errors.ts'
import type { Announcer } from '../queue/announcer.ts'
import { type Actor, audit } from './actor.ts'
import { type Page, type PageQuery, page } from './paging.ts'
import { uuid } from './tokens.ts'

export interface OperationView {
  id: string
  kind: OperationKind
  state: OperationState
  service: string | null
  address: string | null
  slot: string | null
  connection: string | null
  attempts: number
  error: { code: string; message: string } | null
  steps: { name: string; outcome: string; detail: string | null; ms: number; at: Date; attempt: number }[]
  cause: string
  createdAt: Date
  /** How far a comparison is: of how many addresses how many are compared. */
  progress: { compared: number; total: number } | null
  startedAt: Date | null
  endedAt: Date | null
}

export type Standing = Pick<OperationView, 'id' | 'state' | 'attempts' | 'error'>

export interface OperationFilter extends PageQuery {
  state?: OperationState | undefined
  kind?: OperationKind | undefined
  service?: string | undefined
  /** An error's code. */
  error?: string | undefined
  /** Only those that came of events. */
  ofEvents?: boolean | undefined
}

interface Row extends Omit<OperationView, 'error' | 'steps'> {
  code: string | null
  message: string | null
}

export type OperationDesk = ReturnType<typeof operationDesk>

/** Operations, as those who look after them see and steer them. */
export function operationDesk({ db, announcer }: { db: Db; announcer: Announcer }) {
  async function complete(rows: Row[]): Promise<OperationView[]> {
    const ids = rows.map(row => row.id)
    const steps = await db.$queryRaw<(OperationView['steps'][number] & { operation: string })[]>`
      select operation_id as operation, name, outcome, detail, ms, at, attempt from operation_step
      where operation_id = any (${ids}::uuid[]) order by id`
    return rows.map(({ code, message, ...row }) => ({
      ...row,
      error: code === null ? null : { code, message: message ?? '' },
      steps: steps.filter(step => step.operation === row.id).map(({ operation: _, ...step }) => step),
    }))
  }

  const select = (where: Prisma.Sql, take: number) => db.$queryRaw<Row[]>`
    select o.id, o.kind, o.state, o.service_id as service, coalesce(host(a.address), o.payload ->> 'address') as address,
      a.slot, c.name as connection, o.attempts, o.error_code as code, o.error_message as message, o.cause,
      case when o.kind = 'reconcile' then (
        select jsonb_build_object('compared', r.compared, 'total', r.total) from reconciliation r
        where r.operation_id = o.id order by r.id desc limit 1) end as progress,
      o.created_at as "createdAt", o.started_at as "startedAt", o.ended_at as "endedAt"
    from operation o left join assignment a on a.id = o.assignment_id
    left join connection c on c.id = coalesce(o.connection_id, a.connection_id)
    left join service s on s.id = o.service_id
    where ${where} order by o.id desc limit ${take}::int`

  const lock = async (tx: Prisma.TransactionClient, id: string) => {
    const [row] = await tx.$queryRaw<
      {
        id: string
        kind: OperationKind
        state: OperationState
        epoch: number
        service_id: string | null
        assignment_id: string | null
        lease_until: Date | null
      }[]
    >`select id, kind, state, epoch, service_id, assignment_id, lease_until from operation where id = ${uuid(id)}::uuid for update`
    if (row === undefined) throw new IpbridgeError('not_found', `there is no operation ${id}`)
    return row
  }

  return {
    async list(filter: OperationFilter): Promise<Page<OperationView>> {
      const where = Prisma.join(
        [
          Prisma.sql`true`,
          ...(filter.state ? [Prisma.sql`o.state = ${filter.state}`] : []),
          ...(filter.kind ? [Prisma.sql`o.kind = ${filter.kind}`] : []),
          ...(filter.service ? [Prisma.sql`o.service_id = ${filter.service}`] : []),
          ...(filter.error ? [Prisma.sql`o.error_code = ${filter.error}`] : []),
          ...(filter.ofEvents ? [Prisma.sql`o.event_id is not null`] : []),
        ],
        ' and ',
      )
      const read = (after: string | undefined, take: number) =>
        select(after ? Prisma.sql`${where} and o.id < ${after}::uuid` : where, take)
      const { items, next } = await page(
        filter,
        read,
        row => row.id,
        row => row,
      )
      return { items: await complete(items), next }
    },

    async show(id: string, { ofEvents = false } = {}): Promise<OperationView> {
      const scope = ofEvents ? Prisma.sql`o.event_id is not null` : Prisma.sql`true`
      const [view] = await complete(await select(Prisma.sql`o.id = ${uuid(id)}::uuid and ${scope}`, 1))
      if (view === undefined) throw new IpbridgeError('not_found', `there is no operation ${id}`)
      return view
    },

    /** How some operations stand, in short. */
    async standing(ids: string[]): Promise<Standing[]> {
      const rows = await db.$queryRaw<
        (Omit<Standing, 'error'> & { code: string | null; message: string | null })[]
      >`
        select id, state, attempts, error_code as code, error_message as message
        from operation where id = any (${ids}::uuid[]) order by seq`
      return rows.map(({ code, message, ...row }) => ({
        ...row,
        error: code === null ? null : { code, message: message ?? '' },
      }))
    },

    /** How many operations with ids from `first` to `last` are still on their way. Ids are in the order of time. */
    async openBetween(first: string, last: string): Promise<number> {
      const [row] = await db.$queryRaw<{ count: number }[]>`
        select count(*)::int as count from operation
        where id between ${uuid(first)}::uuid and ${uuid(last)}::uuid and state in ('queued', 'running')`
      return row?.count ?? 0
    },

    /**
     * Runs a failed operation again from the step where it stopped, or one that waits for its next try at once.
     * @throws wrong_state for one that runs or has ended otherwise
     */
    async retry(actor: Actor, id: string, reason?: string): Promise<void> {
      const operation = await db.$transaction(async tx => {
        const row = await lock(tx, id)
        if (row.state === 'running' || isFinal(row.state)) {
          throw new IpbridgeError(
            'wrong_state',
            `operation ${id} is ${row.state}; only what failed or waits can be retried`,
          )
        }
        await tx.$executeRaw`
          update operation set state = 'queued', attempts = 0, ended_at = null, error_code = null, error_message = null,
            announce_at = now() + interval '5 seconds', announcements = 0
          where id = ${id}::uuid`
        await audit(tx, actor, {
          action: 'operation.retry',
          subject: `operation:${id}`,
          reason,
          change: { from: row.state },
        })
        return row
      })
      await announcer.forget(operation.kind, id, operation.epoch)
      await announcer.announce([operation])
    },

    /**
     * Ends an operation that shall not be done any more. What an allocation took is given back by a release.
     * @throws wrong_state for releases, which must run to their end, for allocations that another address waits for to be
     *   given back, and for what has ended
     */
    async cancel(actor: Actor, id: string, reason?: string): Promise<void> {
      const { operation, release } = await db.$transaction(async tx => {
        const row = await lock(tx, id)
        if (row.kind === 'release') {
          throw new IpbridgeError(
            'wrong_state',
            'a release is not cancelled half-way; mend what stops it and retry it',
          )
        }
        if (isFinal(row.state)) {
          throw new IpbridgeError('wrong_state', `operation ${id} is ${row.state} already`)
        }
        await refuseIfReplacement(tx, row)
        // Raising the epoch takes it out of the hands of a worker that may have it.
        await tx.$executeRaw`
          update operation set state = 'cancelled', epoch = epoch + 1, lease_until = null, worker = null, announce_at = null,
            ended_at = now()
          where id = ${id}::uuid`
        await audit(tx, actor, {
          action: 'operation.cancel',
          subject: `operation:${id}`,
          reason,
          change: { from: row.state },
        })
        return { operation: row, release: row.kind === 'allocate' ? await revoke(tx, actor, row) : undefined }
      })
      await announcer.forget(operation.kind, id, operation.epoch)
      if (release) await announcer.announce([release])
    },

    /** Waits until nothing more happens to the operations by itself. @returns their states, whatever they are then */
    async settled(
      ids: string[],
      timeoutMs: number,
      signal?: AbortSignal,
    ): Promise<Map<string, OperationState>> {
      const deadline = performance.now() + timeoutMs
      for (let pause = 20; ; pause = Math.min(pause * 1.5, 250)) {
        const rows = await db.$queryRaw<{ id: string; state: OperationState }[]>`
          select id, state from operation where id = any (${ids}::uuid[])`
        const resting = rows.every(({ state }) => isTerminal(state) || state === 'parked')
        if (resting || performance.now() + pause > deadline)
          return new Map(rows.map(row => [row.id, row.state]))
        await sleep(pause, undefined, signal ? { signal } : {})
      }
    },
  }
}

/**
 * A service that moves, or gets the address that it was granted in a conflict, keeps the one that it has until the other
 * one works. Without that one the release would go on, and the service would be left without an address.
 */
async function refuseIfReplacement(
  tx: Prisma.TransactionClient,
  row: { kind: string; id: string; service_id: string | null; assignment_id: string | null },
): Promise<void> {
  if (row.kind !== 'allocate') return
  const [waits] = await tx.$queryRaw<{ address: string | null }[]>`
    select host(old.address) as address
    from operation r join assignment old on old.id = r.assignment_id join assignment anew on anew.id = ${row.assignment_id}::uuid
    where r.service_id = ${row.service_id} and r.kind = 'release' and r.payload ->> 'replacedBy' = anew.id::text
      and r.state not in ('done', 'superseded', 'cancelled') and old.state <> 'released'
      and anew.state in ('pending', 'reserved')`
  if (waits === undefined) return
  const lost = waits.address ?? 'the address that is on its way'
  throw new IpbridgeError(
    'wrong_state',
    `operation ${row.id} is not cancelled: service ${row.service_id} would lose ${lost} and have none in its place; mend what stops it and retry it; if the service has moved, billing may also move it back`,
  )
}

/**
 * An address that is not in use yet is given back; one that is in use stays. A worker that is in the middle of the
 * allocation may still be asking for the address: the release only looks for it once that worker's lease has ended.
 * It is taken off the server that the service is on now, wherever the service is by then.
 */
async function revoke(
  tx: Prisma.TransactionClient,
  actor: Actor,
  row: { service_id: string | null; assignment_id: string | null; lease_until: Date | null },
) {
  const revoked = await tx.$executeRaw`
    update assignment set state = 'releasing' where id = ${row.assignment_id}::uuid and state in ('pending', 'reserved')`
  if (revoked === 0) return undefined
  const id = newId()
  await tx.$executeRaw`
    insert into operation (id, kind, state, service_id, assignment_id, cause, announce_at, payload)
    values (${id}::uuid, 'release', ${row.lease_until ? 'parked' : 'queued'}, ${row.service_id}, ${row.assignment_id}::uuid,
      ${`operator:${actor.name}`}, greatest(now() + interval '5 seconds', ${row.lease_until}::timestamptz),
      coalesce((
        select jsonb_build_object('leaves', jsonb_strip_nulls(jsonb_build_object('server', v.name, 'guest', s.guest)))
        from service s join server v on v.id = s.server_id where s.id = ${row.service_id}), '{}'))`
  if (row.lease_until) return undefined
  return { id, kind: 'release' as const, epoch: 0 }
}
