import type { Begun, FoundDifference, Reconciliations } from '../../src/db/reconciliations.ts'
import { nothingCounted } from '../../src/domain/doubts.ts'
import { createPlanHash } from '../../src/domain/plan-hash.ts'
import { takingActions } from '../../src/domain/reconcile-settings.ts'
import { ascendingly } from './order.ts'
import type { World } from './outside.ts'
import type { AtOnce } from './reservations.ts'

export interface FindingRow extends FoundDifference {
  id: string
  streak: number
}

/** A run of reconciliation, with what it found. */
export interface RunRow extends Omit<Begun, 'resumed'> {
  /** Counts from 1, without those that came to nothing. */
  number: number
  operation: string
  epoch: number
  state: 'running' | 'planned' | 'applied' | 'failed' | 'stopped'
  previous: RunRow | undefined
  findings: Map<string, FindingRow>
  hash: string | undefined
}

export type ReconciliationTable = ReturnType<typeof reconciliationTable>

/** What src/db/reconciliations.ts does in SQL, said again statement by statement. */
export function reconciliationTable(world: World, newId: () => string) {
  const { scheduler, defect } = world
  const runs: RunRow[] = []
  const held = ({ id, epoch }: { id: string; epoch: number }) =>
    runs.find(run => run.id === id && run.epoch === epoch && run.state === 'running')
  const isTaking = ({ action }: FindingRow) => takingActions.includes(action)

  /** An action that takes something from somebody waits for a second run, unless the build is broken. */
  function enter(run: RunRow, { serviceId, assignmentId, ...found }: FoundDifference): void {
    if (run.findings.has(found.subject)) return
    const before = run.previous?.findings.get(found.subject)
    const who = { ...(serviceId ? { serviceId } : {}), ...(assignmentId ? { assignmentId } : {}) }
    const finding: FindingRow = { id: newId(), streak: (before?.streak ?? 0) + 1, ...who, ...found }
    const isTooSoon = before === undefined && defect !== 'reconciliation trusts one run'
    if (isTaking(finding) && isTooSoon) finding.action = 'report'
    run.findings.set(found.subject, finding)
    world.see({ kind: 'found', at: scheduler.now(), run: run.number, subject: found.subject })
    world.count('findings')
  }

  const table: AtOnce<Omit<Reconciliations, 'review'>> = {
    made(operation) {
      const plan = runs.find(r => r.operation === operation && r.hash !== undefined)
      return plan && { id: plan.id, hash: plan.hash ?? '', findings: plan.findings.size }
    },

    begin(_connection, { id: operation, epoch }, options): Begun {
      const open = runs.find(r => r.operation === operation && r.state === 'running' && r.epoch < epoch)
      if (open) {
        open.epoch = epoch
        return { resumed: open.after !== undefined, ...open }
      }
      const ended = runs.filter(({ state }) => state === 'planned' || state === 'applied')
      const isKnown = ({ state, findings, tally }: RunRow) =>
        state === 'applied' || (tally.ours > 0 && ![...findings.values()].some(f => f.class === 'ptr'))
      const policies = options.policies(!ended.some(isKnown))
      for (const run of runs) if (run.state === 'running') run.state = 'failed'
      const begun = {
        id: newId(),
        at: new Date(scheduler.now()),
        phase: 'addresses' as const,
        after: undefined,
        tally: nothingCounted,
        policies,
        total: options.total,
      }
      const previous = ended.at(-1)
      const number = (previous?.number ?? 0) + 1
      const ours = { number, operation, epoch, state: 'running' as const, previous }
      runs.push({ ...ours, findings: new Map(), hash: undefined, ...begun })
      return { resumed: false, ...begun }
    },

    store(key, { phase, after, tally }, found): boolean {
      const run = held(key)
      if (run === undefined) return false
      Object.assign(run, { phase, after: after ?? run.after, tally })
      for (const difference of found) enter(run, difference)
      return true
    },

    forgetElsewhere(key): void {
      const run = held(key)
      for (const [subject, found] of run?.findings ?? []) {
        if (['stuck', 'stray', 'unconfigured', 'unbilled'].includes(found.class))
          run?.findings.delete(subject)
      }
    },

    breakOff(key, { ended }): void {
      const run = held(key)
      if (run && ended) run.state = ended
    },

    plan(key, { doubts, most }) {
      const run = held(key)
      if (run === undefined) return undefined
      const takings = ascendingly(
        [...run.findings.values()]
          .filter(isTaking)
          .map(finding => ({ address: finding.address ?? '', finding })),
      )
      for (const { finding } of takings.slice(doubts.length > 0 ? 0 : most)) finding.action = 'report'
      if (doubts.length > 0) world.count('plans that take nothing, for doubts about the list')
      run.state = 'planned'
      world.count('plans')
      const hash = createPlanHash('ipam')
      for (const { subject, action, ours, theirs } of run.findings.values())
        hash.add({ subject, action, decision: 'accept', ours, theirs })
      run.hash = hash.digest()
      return { hash: run.hash, findings: run.findings.size }
    },
  }

  return {
    table,
    runs,
    /** The newest plan, if nobody has applied it. */
    newest(): RunRow | undefined {
      const run = runs.findLast(({ state }) => state !== 'running' && state !== 'failed')
      return run?.state === 'planned' ? run : undefined
    },
  }
}
