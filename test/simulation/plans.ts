import stringify from 'safe-stable-stringify'
import type { StuckOperation } from '../../src/db/stuck.ts'
import { operationFor } from '../../src/domain/finding-operation.ts'
import type { Difference, OurEntry, TheirEntry } from '../../src/domain/findings.ts'
import { takingActions } from '../../src/domain/reconcile-settings.ts'
import type { Ipam } from '../../src/queue/ports.ts'
import { createGuests } from '../../src/reconciliation/guests.ts'
import { createLookAgain } from '../../src/reconciliation/look-again.ts'
import { createRecheck } from '../../src/reconciliation/recheck.ts'
import type { SimulatedIpam } from './ipam.ts'
import type { World } from './outside.ts'
import type { SimulatedPanel } from './panel.ts'
import type { SimulatedQueue } from './queue.ts'
import type { FindingRow, ReconciliationTable } from './reconciliations.ts'
import { ledgerEntries, ledgerGuests, stuckOperations } from './sights.ts'
import { connection } from './snapshot.ts'
import type { Tables } from './tables.ts'

interface Parts {
  tables: Tables
  runs: ReconciliationTable
  ipam: SimulatedIpam
  panels: Map<string, SimulatedPanel>
  queue: SimulatedQueue
  ipamFor: (driver: Ipam['driver']) => Ipam
}

/** Operators who apply plans, as src/desk/plans.ts does: only where all is still as it was found. */
export function simulatedPlans(world: World, { tables, runs, ipam, panels, queue, ipamFor }: Parts) {
  const { scheduler } = world
  const owner = { name: 'the desk', frozenUntil: 0, isDead: false }
  const never = new AbortController().signal
  const call = async <T>(_: string, work: () => T) => work()
  const entries = ledgerEntries(tables, call)
  const recheck = createRecheck({
    lookAgain: createLookAgain(entries),
    guests: createGuests({
      ledger: ledgerGuests(tables, [...panels.keys()], call),
      panel: async server => panels.get(server)?.driver(owner) as never,
    }),
    stuck: stuckOperations(tables, scheduler.now, call),
  })
  const settings = ipamFor(ipam.driver(owner, 'the desk'))

  const toStored = ({ serviceId, assignmentId, ...finding }: FindingRow) => ({
    service: serviceId ?? null,
    assignment: assignmentId ?? null,
    ...finding,
  })

  return {
    /** Applies the newest plan. What has moved since, or cannot be looked at, makes it stale. */
    async apply(): Promise<void> {
      const plan = runs.newest()
      if (plan === undefined) return
      const findings = [...plan.findings.values()].filter(({ action }) => action !== 'report').map(toStored)
      const now = await recheck(settings, findings, never).catch(() => [])
      const moved = findings.find((finding, n) => describe(now[n]) !== describe(finding))
      if (moved || plan.state !== 'planned') {
        world.count('plans that were stale')
        world.tell('an operator', `finds the plan stale: ${moved?.subject}`)
        return
      }
      plan.state = 'applied'
      world.count('plans applied')
      for (const finding of plan.findings.values()) if (isSomebodys(finding)) await freeByHand(finding)
      const operations = findings.flatMap(finding => {
        world.tell('an operator', `has ${finding.action} done: ${finding.subject}`)
        world.count(`findings applied: ${finding.action}`)
        if (takingActions.includes(finding.action)) {
          world.see({ kind: 'taken', at: scheduler.now(), run: plan.number, subject: finding.subject })
        }
        return finding.action === 'retry' ? again(finding.ours as StuckOperation) : enter(finding)
      })
      void queue.announce(operations)
    },
  }

  /** Nobody can tell for a person that somebody else's name on our address is wrong. */
  async function freeByHand({ address }: FindingRow): Promise<void> {
    world.tell('an operator', `frees ${address} by hand, which is ours and in somebody else's name`)
    world.count('changes by hand: free')
    await ipam.byHand(address ?? '', undefined)
  }

  function again({ operation }: StuckOperation) {
    const row = tables.operations.get(operation)
    if (row?.state !== 'failed') return []
    const queued = { state: 'queued', attempts: 0, error: undefined, endedAt: undefined, announcements: 0 }
    Object.assign(row, queued, { announceAt: scheduler.now() + 5_000 })
    tables.reopen(row)
    queue.forget(`${row.kind}-${row.id}`)
    return [row]
  }

  function enter(finding: ReturnType<typeof toStored>) {
    const now = scheduler.now()
    const { service, assignment, stamp, ...planned } = operationFor(finding, {
      connection,
      newId: tables.newId,
      now,
    })
    const { id, kind, cause, payload, connection: own } = planned
    return tables.insertOperation({
      id,
      kind,
      cause,
      payload,
      connection: own,
      state: 'queued',
      service: service ?? undefined,
      assignment: assignment ?? undefined,
      event: undefined,
      stamp,
      announceAt: now + 5_000,
      createdAt: now,
    })
  }
}

/** Whether it is about an address of ours whose record carries no mark and another service's name. */
function isSomebodys({ class: kind, action, ours, theirs }: FindingRow): boolean {
  if (kind !== 'foreign' || action !== 'report') return false
  const [entry, record] = [ours as OurEntry, theirs as TheirEntry]
  return record.marker === undefined && record.owner !== `${entry.serviceId} ${entry.slot}`
}

function describe(difference: Pick<Difference, 'class' | 'ours' | 'theirs'> | undefined): string {
  return stringify([difference?.class, difference?.ours, difference?.theirs]) ?? ''
}
