import type { FindingView } from '../../desk/findings.ts'
import type { PlanWithFindings } from '../../desk/reconciliations.ts'
import { say, shown, tableOf } from '../output.ts'

/** More findings than a person reads; `ipbridge reconcile export` has them all. */
const mostShown = 200

/** Tells what a run came to, and what can be done about it. */
export function tellPlan(plan: PlanWithFindings): void {
  const { id, connection, hash, state, compared, remark, findings, counts, changes } = plan
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const found = Object.entries(counts).map(([name, count]) => `${count} ${name}`)
  say(`${connection}: ${compared} addresses compared, ${total === 0 ? 'no differences' : found.join(', ')}`)
  if (plan.previous !== null && state !== 'failed' && state !== 'stopped') {
    const { new: fresh = 0, still = 0, gone = 0, ignored = 0 } = changes
    say(`  since the run before: ${fresh} new, ${still} still there, ${gone} gone; ${ignored} ignored`)
  }
  if (remark !== null) say(`  ${shown(remark)}`)
  if (findings.length === 0) return
  const lines = tableOf<FindingView>(findings.slice(0, mostShown), {
    FINDING: finding => finding.class,
    ADDRESS: finding => finding.address,
    SERVICE: finding => finding.service,
    CHANGE: finding => finding.change,
    ACTION: finding => (finding.decision === 'ignore' ? 'ignored' : finding.action),
    OURS: finding => finding.ours,
    THEIRS: finding => finding.theirs,
    NOTE: finding => finding.note,
  })
  for (const line of lines) say(`  ${line}`)
  if (findings.length > mostShown || plan.findingsNext !== null) {
    say(`  … and more: ipbridge reconcile export ${id} --format csv`)
  }
  if (state !== 'planned') return
  say(`  to leave findings out: ipbridge reconcile review ${hash} --ignore CLASS, ADDRESS or ID`)
  say(`  to apply it: ipbridge reconcile --apply ${hash}`)
}
