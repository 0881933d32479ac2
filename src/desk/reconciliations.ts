import stringify from 'safe-stable-stringify'
import { type Db, Prisma } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import type { Announcement } from '../db/operations.ts'
import type { Reconciliations } from '../db/reconciliations.ts'
import type { Address } from '../domain/address.ts'
import { compareEntries, type FindingAction, type OurEntry, type TheirEntry } from '../domain/findings.ts'
import { IpbridgeError } from '../errors.ts'
import type { IpamConnections } from '../ipam/connections.ts'
import type { Announcer } from '../queue/announcer.ts'
import { type Actor, audit } from './actor.ts'
import { type Page, type PageQuery, page } from './paging.ts'
import { uuid } from './tokens.ts'

export interface FindingView {
  id: string
  class: string
  address: Address
  service: string | null
  ours: OurEntry | null
  theirs: TheirEntry | null
  action: FindingAction
  streak: number
  operation: string | null
}

/** A plan, or why there is none. */
export interface PlanView {
  id: string
  connection: string
  /** The operation that made it. */
  operation: string | null
  hash: string | null
  state: string
  counts: Record<string, number>
  compared: number
  remark: string | null
  createdAt: Date
  endedAt: Date | null
  appliedAt: Date | null
}

export type ReconciliationDesk = ReturnType<typeof reconciliationDesk>

/** Starts comparisons, shows their plans and applies them. */
export function reconciliationDesk(options: {
  db: Db
  reconciliations: Reconciliations
  ipams: IpamConnections
  announcer: Announcer
}) {
  const { db, reconciliations, ipams, announcer } = options

  const select = (where: Prisma.Sql, take: number) => db.$queryRaw<PlanView[]>`
    select r.id, c.name as connection, r.operation_id as operation, r.hash, r.state, r.counts, r.compared, r.remark,
      r.created_at as "createdAt", r.ended_at as "endedAt", r.applied_at as "appliedAt"
    from reconciliation r join connection c on c.id = r.connection_id
    where ${where} order by r.id desc limit ${take}::int`

  const findingsOf = (id: string) => db.$queryRaw<(FindingView & { assignment: string | null })[]>`
    select f.id, f.class, host(f.address) as address, f.service_id as service, f.assignment_id as assignment,
      f.ours, f.theirs, f.action, f.streak, f.operation_id as operation
    from finding f where f.reconciliation_id = ${id}::uuid order by f.address, f.class`

  /** Whether each finding is still as it was seen. */
  async function unchanged(
    connectionId: string,
    findings: FindingView[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const driver = await ipams.driver(connectionId)
    const addresses = findings.map(finding => finding.address)
    const records = await Promise.all(addresses.map(address => driver.read(address, signal)))
    const { entries, busy } = await reconciliations.at(connectionId, addresses)
    const meanings = await reconciliations.meanings(records.flatMap(record => record?.marker ?? []))
    return findings.every((finding, index) => {
      if (busy.has(finding.address)) return false
      const meaningOf = (marker: string) => meanings.get(marker) ?? 'orphan'
      const now = compareEntries(entries.get(finding.address), records[index], meaningOf)
      const then = { class: finding.class, ours: finding.ours, theirs: finding.theirs }
      return stringify(then) === stringify(now && { class: now.class, ours: now.ours, theirs: now.theirs })
    })
  }

  return {
    list(query: PageQuery & { connection?: string | undefined }): Promise<Page<PlanView>> {
      const where = query.connection ? Prisma.sql`c.name = ${query.connection}` : Prisma.sql`true`
      const read = (after: string | undefined, take: number) =>
        select(after ? Prisma.sql`${where} and r.id < ${after}::uuid` : where, take)
      return page(
        query,
        read,
        row => row.id,
        row => row,
      )
    },

    async show(id: string): Promise<PlanView & { findings: FindingView[] }> {
      const [plan] = await select(Prisma.sql`r.id = ${uuid(id)}::uuid`, 1)
      if (plan === undefined) throw new IpbridgeError('not_found', `there is no reconciliation ${id}`)
      const findings = await findingsOf(id)
      return { ...plan, findings: findings.map(({ assignment: _, ...finding }) => finding) }
    },

    /** The plan of the run that an operation made. */
    async ofOperation(operation: string): Promise<(PlanView & { findings: FindingView[] }) | undefined> {
      const [plan] = await select(Prisma.sql`r.operation_id = ${operation}::uuid`, 1)
      return plan && this.show(plan.id)
    },

    /**
     * Queues a comparison; one that is still open for the connection serves as well.
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
        const [open] = await tx.$queryRaw<Announcement[]>`
          select id, kind, epoch from operation
          where kind = 'reconcile' and connection_id = ${row.id}::uuid and state in ('queued', 'running')`
        if (open) return open
        const id = newId()
        await tx.$executeRaw`
          insert into operation (id, kind, state, connection_id, cause, announce_at)
          values (${id}::uuid, 'reconcile', 'queued', ${row.id}::uuid, ${cause}, now() + interval '5 seconds')`
        return { id, kind: 'reconcile' as const, epoch: 0 }
      })
      await announcer.announce([operation])
      return operation.id
    },

    /**
     * Applies a plan: every finding that wants something done becomes an ordinary operation.
     * @param which the plan's id or its hash
     * @throws plan_stale where the world has moved since, or a later plan took its place
     */
    async apply(
      actor: Actor,
      which: string,
      signal: AbortSignal,
      reason?: string,
    ): Promise<{ operations: string[] }> {
      const condition =
        which.length > 20 ? Prisma.sql`r.id = ${uuid(which)}::uuid` : Prisma.sql`r.hash = ${which}`
      const [plan] = await select(condition, 1)
      if (plan === undefined) throw new IpbridgeError('not_found', `there is no plan ${which}`)
      const { id: connectionId } = await db.connection.findUniqueOrThrow({ where: { name: plan.connection } })
      const [newest] = await select(Prisma.sql`r.connection_id = ${connectionId}::uuid`, 1)
      if (plan.state !== 'planned' || newest?.id !== plan.id) throw stale(plan, newest)

      const findings = (await findingsOf(plan.id)).filter(finding => finding.action !== 'report')
      if (!(await unchanged(connectionId, findings, signal))) throw stale(plan, plan)
      const operations = findings.map(finding => ({
        ...operationFor(finding, connectionId),
        finding: finding.id,
      }))
      await db.$transaction(async tx => {
        const claimed = await tx.$executeRaw`
          update reconciliation set state = 'applied', applied_at = now() where id = ${plan.id}::uuid and state = 'planned'`
        if (claimed === 0) throw stale(plan, plan)
        await tx.$executeRaw`
          insert into operation (id, kind, state, service_id, assignment_id, connection_id, cause, payload, announce_at)
          select i.id, i.kind, 'queued', i.service, i.assignment, i.connection, i.cause, i.payload, now() + interval '5 seconds'
          from jsonb_to_recordset(${JSON.stringify(operations)}::jsonb) as i (
            id uuid, kind text, service text, assignment uuid, connection uuid, cause text, payload jsonb)`
        await tx.$executeRaw`
          update finding f set operation_id = i.id
          from jsonb_to_recordset(${JSON.stringify(operations)}::jsonb) as i (id uuid, finding uuid) where f.id = i.finding`
        const change = { hash: plan.hash, operations: operations.length }
        await audit(tx, actor, {
          action: 'reconciliation.apply',
          subject: `reconciliation:${plan.id}`,
          reason,
          change,
        })
      })
      await announcer.announce(operations)
      return { operations: operations.map(operation => operation.id) }
    },
  }
}

function operationFor(finding: FindingView & { assignment: string | null }, connection: string) {
  const common = { id: newId(), epoch: 0, cause: `finding:${finding.id}` }
  const kind = finding.action as Exclude<FindingAction, 'report'>
  if (kind === 'release') {
    const payload = { address: finding.address, marker: finding.theirs?.marker }
    return { ...common, kind, service: null, assignment: null, connection, payload }
  }
  return {
    ...common,
    kind,
    service: finding.service,
    assignment: finding.assignment,
    connection: null,
    payload: {},
  }
}

function stale(plan: PlanView, newest: PlanView | undefined): IpbridgeError {
  const why =
    plan.state !== 'planned'
      ? `it is ${plan.state}`
      : newest?.id === plan.id
        ? 'the ledger or the IPAM has changed since it was made'
        : 'a later run took its place'
  return new IpbridgeError(
    'plan_stale',
    `plan ${plan.hash ?? plan.id} cannot be applied: ${why}; reconcile again`,
  )
}
