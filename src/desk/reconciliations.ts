import { type Db, Prisma } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import type { Announcement } from '../db/operations.ts'
import { IpbridgeError } from '../errors.ts'
import type { Announcer } from '../queue/announcer.ts'
import { type Actor, audit } from './actor.ts'
import { type FindingView, readFindings } from './findings.ts'
import { type Page, type PageQuery, page } from './paging.ts'
import { uuid } from './tokens.ts'

/** A plan, or why there is none. */
export interface PlanView {
  id: string
  connection: string
  /** The operation that made it. */
  operation: string | null
  hash: string | null
  state: string
  /** How many findings there are of each class, without those that are ignored. */
  counts: Record<string, number>
  compared: number
  /** How many addresses there are to compare, as far as can be told. */
  total: number
  /** Since the run before: how many findings are `new`, `still` there, `gone`, and `ignored`. */
  changes: Record<string, number>
  /** What was to be done about each class. */
  policies: Record<string, string>
  /** The run that it is compared with. */
  previous: string | null
  remark: string | null
  createdAt: Date
  endedAt: Date | null
  appliedAt: Date | null
}

export interface PlanWithFindings extends PlanView {
  /** The first of them. */
  findings: FindingView[]
  /** The cursor of the others, where there are more. */
  findingsNext: string | null
}

/** How far a run is. */
export interface Progress {
  operation: string
  compared: number
  total: number
  remark: string | null
}

export type ReconciliationDesk = ReturnType<typeof reconciliationDesk>

/** How many findings are shown with their plan. */
const mostShown = 1_000

/** @param which the id of a run, or the hash of its plan @throws not_found where it can be neither */
export const isRun = (which: string): Prisma.Sql =>
  which.length > 20 ? Prisma.sql`r.id = ${uuid(which)}::uuid` : Prisma.sql`r.hash = ${which}`

/** Reads plans by a condition, newest first. */
export const readPlans = (db: Pick<Db, '$queryRaw'>, where: Prisma.Sql, take: number) => db.$queryRaw<
  PlanView[]
>`
  select r.id, c.name as connection, r.operation_id as operation, r.hash, r.state, r.counts, r.compared, r.total, r.changes,
    r.policies, r.previous_id as previous, r.remark, r.created_at as "createdAt", r.ended_at as "endedAt",
    r.applied_at as "appliedAt"
  from reconciliation r join connection c on c.id = r.connection_id
  where ${where} order by r.id desc limit ${take}::int`

/** Starts comparisons and shows what came of them. */
export function reconciliationDesk({ db, announcer }: { db: Db; announcer: Announcer }) {
  async function withFindings(plan: PlanView): Promise<PlanWithFindings> {
    const { items, next } = await readFindings(db, plan.id, { limit: mostShown })
    return { ...plan, findings: items, findingsNext: next }
  }

  return {
    list(query: PageQuery & { connection?: string | undefined }): Promise<Page<PlanView>> {
      const where = query.connection ? Prisma.sql`c.name = ${query.connection}` : Prisma.sql`true`
      const read = (after: string | undefined, take: number) =>
        readPlans(db, after ? Prisma.sql`${where} and r.id < ${after}::uuid` : where, take)
      return page(
        query,
        read,
        row => row.id,
        row => row,
      )
    },

    async show(id: string): Promise<PlanWithFindings> {
      const [plan] = await readPlans(db, Prisma.sql`r.id = ${uuid(id)}::uuid`, 1)
      if (plan === undefined) throw new IpbridgeError('not_found', `there is no reconciliation ${id}`)
      return withFindings(plan)
    },

    /** The plan of the run that an operation made. */
    async ofOperation(operation: string): Promise<PlanWithFindings | undefined> {
      const [plan] = await readPlans(db, Prisma.sql`r.operation_id = ${operation}::uuid`, 1)
      return plan && withFindings(plan)
    },

    /** How far the runs of some operations are; none for those that have not begun. */
    progress: (operations: string[]) => db.$queryRaw<Progress[]>`
      select distinct on (operation_id) operation_id as operation, compared, total, remark from reconciliation
      where operation_id = any (${operations}::uuid[]) order by operation_id, id desc`,

    /**
     * Queues a comparison; one that is still open for the connection serves as well.
     * @param cause why; one that names a night (`schedule:2026-11-26`) is taken up only once
     * @param by who asked for it, where it was not the clock
     * @returns its operation
     */
    async start(
      connection: string,
      cause: string,
      by?: { actor: Actor; reason?: string | undefined },
    ): Promise<string> {
      const row = await db.connection.findUnique({ where: { name: connection } })
      if (row === null) throw new IpbridgeError('not_found', `there is no connection ${connection}`)
      const operation = await db.$transaction(async tx => {
        await tx.$queryRaw`select id from connection where id = ${row.id}::uuid for update`
        if (by) {
          const { actor, reason } = by
          await audit(tx, actor, {
            action: 'reconciliation.start',
            subject: `connection:${connection}`,
            reason,
          })
        }
        const [known] = await tx.$queryRaw<(Announcement & { state: string })[]>`
          select id, kind, epoch, state from operation
          where kind = 'reconcile' and connection_id = ${row.id}::uuid
            and (state in ('queued', 'running') or (cause = ${cause} and cause like 'schedule:%'))
          order by state in ('queued', 'running') desc limit 1`
        if (known) return known
        const id = newId()
        await tx.$executeRaw`
          insert into operation (id, kind, state, connection_id, cause, announce_at)
          values (${id}::uuid, 'reconcile', 'queued', ${row.id}::uuid, ${cause}, now() + interval '5 seconds')`
        return { id, kind: 'reconcile' as const, epoch: 0, state: 'queued' }
      })
      if (operation.state === 'queued') await announcer.announce([operation])
      return operation.id
    },
  }
}
