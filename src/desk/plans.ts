import stringify from 'safe-stable-stringify'
import { type Db, Prisma, type Transaction } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import type { Announcement } from '../db/operations.ts'
import type { Decision, Reconciliations } from '../db/reconciliations.ts'
import type { StuckOperation } from '../db/stuck.ts'
import { type FindingOperation, operationFor } from '../domain/finding-operation.ts'
import type { Difference } from '../domain/findings.ts'
import { IpbridgeError } from '../errors.ts'
import type { IpamConnections } from '../ipam/connections.ts'
import type { Announcer } from '../queue/announcer.ts'
import type { Recheck } from '../reconciliation/recheck.ts'
import { type Actor, audit } from './actor.ts'
import { findingsToApply, type StoredFinding } from './findings.ts'
import { isRun, type PlanView, readPlans } from './reconciliations.ts'

export type PlanDesk = ReturnType<typeof planDesk>

/** How many findings are looked at, or become operations, at once. */
const chunk = 500

/** Reviews plans and applies them. */
export function planDesk(options: {
  db: Db
  reconciliations: Reconciliations
  ipams: IpamConnections
  announcer: Announcer
  recheck: Recheck
}) {
  const { db, reconciliations, ipams, announcer, recheck } = options

  /** The plan, if it is its connection's newest and still open. @param which its id or its hash */
  async function current(which: string): Promise<PlanView & { connectionId: string }> {
    const [plan] = await readPlans(db, isRun(which), 1)
    if (plan === undefined) throw new IpbridgeError('not_found', `there is no plan ${which}`)
    const { id: connectionId } = await db.connection.findUniqueOrThrow({ where: { name: plan.connection } })
    const [newest] = await readPlans(db, Prisma.sql`r.connection_id = ${connectionId}::uuid`, 1)
    if (plan.state !== 'planned') throw stale(plan, `it is ${plan.state}`)
    if (newest?.id !== plan.id) throw stale(plan, 'a later run took its place')
    return { ...plan, connectionId }
  }

  /** The first finding that is no longer as it was seen. */
  async function moved(
    connectionId: string,
    findings: StoredFinding[],
    signal: AbortSignal,
  ): Promise<StoredFinding | undefined> {
    const now = await recheck(await ipams.byId(connectionId), findings, signal)
    return findings.find((finding, index) => {
      const difference = now[index]
      return difference === undefined || describe(difference) !== describe(finding)
    })
  }

  return {
    /**
     * Says about findings of the newest plan whether they shall be applied. What is ignored stays so in later plans
     * until it changes. The plan has another hash afterwards: it is another plan.
     * @param which the plan's id or its hash
     * @throws plan_stale where it is not the newest, or not open; invalid_request for findings that it does not have
     */
    async review(actor: Actor, which: string, decisions: Decision[], reason?: string): Promise<string> {
      const plan = await current(which)
      await db.$transaction(async tx => {
        const unknown = await reconciliations.review(tx, plan.id, decisions)
        if (unknown === undefined) throw stale(plan, 'it was applied just now')
        if (unknown.length > 0) {
          throw new IpbridgeError('invalid_request', `the plan has no finding ${unknown.join(', ')}`)
        }
        const subject = `reconciliation:${plan.id}`
        await audit(tx, actor, { action: 'reconciliation.review', subject, reason, change: { decisions } })
      })
      return plan.id
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
      const plan = await current(which)
      const operations: FindingOperation[] = []
      const retried: Retried[] = []
      for await (const findings of findingsToApply(db, plan.id, chunk)) {
        signal.throwIfAborted()
        const other = await moved(plan.connectionId, findings, signal)
        if (other)
          throw stale(plan, `${other.class} ${other.address ?? other.service} has changed since it was made`)
        for (const finding of findings) {
          if (finding.action !== 'retry')
            operations.push(operationFor(finding, { connection: plan.connectionId, newId, now: Date.now() }))
          else retried.push({ finding: finding.id, id: (finding.ours as StuckOperation).operation })
        }
      }
      const announcements: Announcement[] = operations.map(({ id, kind, epoch }) => ({ id, kind, epoch }))
      await db.$transaction(async tx => {
        const claimed = await tx.$executeRaw`
          update reconciliation set state = 'applied', applied_at = now()
          where id = ${plan.id}::uuid and state = 'planned' and hash = ${plan.hash}`
        if (claimed === 0) throw stale(plan, 'it was applied or reviewed just now')
        for (let start = 0; start < operations.length; start += chunk) {
          const items = JSON.stringify(operations.slice(start, start + chunk))
          await tx.$executeRaw`
            insert into operation (id, kind, state, service_id, assignment_id, connection_id, cause, payload, stamp, announce_at)
            select i.id, i.kind, 'queued', i.service, i.assignment, i.connection, i.cause, i.payload, i.stamp, now() + interval '5 seconds'
            from jsonb_to_recordset(${items}::jsonb) as i (
              id uuid, kind text, service text, assignment uuid, connection uuid, cause text, payload jsonb, stamp jsonb)`
          await tx.$executeRaw`
            update finding f set operation_id = i.id
            from jsonb_to_recordset(${items}::jsonb) as i (id uuid, finding uuid) where f.id = i.finding`
        }
        announcements.push(...(await retry(tx, retried)))
        const change = { hash: plan.hash, operations: operations.length + retried.length }
        await audit(tx, actor, {
          action: 'reconciliation.apply',
          subject: `reconciliation:${plan.id}`,
          reason,
          change,
        })
      })
      for (const { id, kind, epoch } of announcements.slice(operations.length)) {
        await announcer.forget(kind, id, epoch)
      }
      for (let start = 0; start < announcements.length; start += chunk) {
        await announcer.announce(announcements.slice(start, start + chunk))
      }
      return { operations: announcements.map(({ id }) => id) }
    },
  }
}

/** What a finding says, without what is ours to add. */
function describe({ class: kind, ours, theirs }: Pick<Difference, 'class' | 'ours' | 'theirs'>): string {
  return stringify({ kind, ours, theirs }) ?? ''
}

/** Runs failed operations again, from the step where they stopped. */
async function retry(tx: Transaction, retried: Retried[]): Promise<Announcement[]> {
  const input = JSON.stringify(retried)
  await tx.$executeRaw`
    update finding f set operation_id = i.id
    from jsonb_to_recordset(${input}::jsonb) as i (id uuid, finding uuid) where f.id = i.finding`
  return tx.$queryRaw<Announcement[]>`
    update operation o set state = 'queued', attempts = 0, ended_at = null, error_code = null, error_message = null,
      announce_at = now() + interval '5 seconds', announcements = 0
    from jsonb_to_recordset(${input}::jsonb) as i (id uuid)
    where o.id = i.id and o.state = 'failed' returning o.id, o.kind, o.epoch`
}

/** A finding whose operation is tried again. */
interface Retried {
  finding: string
  id: string
}

function stale(plan: PlanView, why: string): IpbridgeError {
  return new IpbridgeError(
    'plan_stale',
    `plan ${plan.hash ?? plan.id} cannot be applied: ${why}; reconcile again`,
  )
}
