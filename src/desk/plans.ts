import stringify from 'safe-stable-stringify'
import { type Db, Prisma } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import type { Reconciliations } from '../db/reconciliations.ts'
import type { RecordDifference, TheirEntry } from '../domain/findings.ts'
import type { FindingAction } from '../domain/reconcile-settings.ts'
import type { OperationKind } from '../domain/states.ts'
import { IpbridgeError } from '../errors.ts'
import type { IpamConnections } from '../ipam/connections.ts'
import type { Announcer } from '../queue/announcer.ts'
import type { LookAgain } from '../reconciliation/look-again.ts'
import { type Actor, audit } from './actor.ts'
import { findingsToApply, type StoredFinding } from './findings.ts'
import { type PlanView, readPlans } from './reconciliations.ts'
import { uuid } from './tokens.ts'

export type PlanDesk = ReturnType<typeof planDesk>

/** How many findings are looked at, or become operations, at once. */
const chunk = 500

/** Reviews plans and applies them. */
export function planDesk(options: {
  db: Db
  reconciliations: Reconciliations
  ipams: IpamConnections
  announcer: Announcer
  lookAgain: LookAgain
}) {
  const { db, ipams, announcer, lookAgain } = options

  /** The plan, if it is its connection's newest and still open. @param which its id or its hash */
  async function current(which: string): Promise<PlanView & { connectionId: string }> {
    const condition =
      which.length > 20 ? Prisma.sql`r.id = ${uuid(which)}::uuid` : Prisma.sql`r.hash = ${which}`
    const [plan] = await readPlans(db, condition, 1)
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
    const ipam = await ipams.byId(connectionId)
    const candidates = findings.map(({ address, theirs }) => ({
      address: address ?? '',
      listed: (theirs as TheirEntry | null) ?? undefined,
    }))
    const looks = await lookAgain(ipam, candidates, new Date(0), signal)
    return findings.find((finding, index) => {
      const now = looks[index]?.difference
      return now === undefined || describe(now) !== describe(finding as unknown as RecordDifference)
    })
  }

  return {
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
      const operations: (Planned & { finding: string })[] = []
      for await (const findings of findingsToApply(db, plan.id, chunk)) {
        signal.throwIfAborted()
        const other = await moved(plan.connectionId, findings, signal)
        if (other)
          throw stale(plan, `${other.class} ${other.address ?? other.service} has changed since it was made`)
        for (const finding of findings) {
          operations.push({ ...operationFor(finding, plan.connectionId), finding: finding.id })
        }
      }
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
        const change = { hash: plan.hash, operations: operations.length }
        await audit(tx, actor, {
          action: 'reconciliation.apply',
          subject: `reconciliation:${plan.id}`,
          reason,
          change,
        })
      })
      for (let start = 0; start < operations.length; start += chunk) {
        await announcer.announce(operations.slice(start, start + chunk))
      }
      return { operations: operations.map(operation => operation.id) }
    },
  }
}

/** What a finding says, without what is ours to add. */
function describe({ class: kind, ours, theirs }: RecordDifference): string {
  return stringify({ kind, ours, theirs }) ?? ''
}

interface Planned {
  id: string
  epoch: 0
  kind: OperationKind
  cause: string
  service?: string | null
  assignment?: string | null
  connection?: string
  payload: Record<string, unknown>
  stamp?: { t: number; s: string }
}

/** The ordinary operation that does what a finding wants done. */
function operationFor(finding: StoredFinding, connection: string): Planned {
  const { address, service, assignment } = finding
  const theirs = finding.theirs as TheirEntry | null
  const common = { id: newId(), epoch: 0 as const, cause: `finding:${finding.id}` }
  switch (finding.action as Exclude<FindingAction, 'report'>) {
    case 'release':
      return { ...common, kind: 'release', connection, payload: { address, marker: theirs?.marker } }
    case 'import':
      // An ordinary change to the name that the IPAM has: the latest word, unless billing says something later.
      return {
        ...common,
        kind: 'ptr',
        service,
        payload: { address, ptr: theirs?.ptr ?? null },
        stamp: { t: Date.now(), s: 'ipbridge:reconciliation' },
      }
    case 'adopt':
      return { ...common, kind: 'allocate', service, assignment, payload: { adopt: true } }
    case 'ptr':
      return { ...common, kind: 'ptr', service, assignment, payload: {} }
    default:
      return { ...common, kind: 'allocate', service, assignment, payload: {} }
  }
}

function stale(plan: PlanView, why: string): IpbridgeError {
  return new IpbridgeError(
    'plan_stale',
    `plan ${plan.hash ?? plan.id} cannot be applied: ${why}; reconcile again`,
  )
}
