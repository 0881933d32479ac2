import { showProgress } from '../progress.ts'
import type { Session } from '../session.ts'

const lookMs = 500

/**
 * Shows how far comparisons are as long as they run, and says when one broke off and waits for its next try.
 * @returns how to end it
 */
export function showComparing({ app }: Session, operations: string[]): () => Promise<void> {
  const bar = showProgress('addresses', 1_000)
  const said = new Set<string>()
  let underWay = Promise.resolve()

  async function look(): Promise<void> {
    const runs = await app.desk.reconciliations.progress(operations)
    for (const { remark } of runs) {
      if (remark !== null && !said.has(remark) && said.add(remark)) bar.note(remark)
    }
    const compared = runs.reduce((sum, run) => sum + run.compared, 0)
    const total = runs.reduce((sum, run) => sum + run.total, 0)
    bar.update(total === 0 ? 0 : Math.round((compared / total) * 1_000), compared)
  }

  const timer = setInterval(() => {
    // A look that fails is not worth a failed command: the wait for the operations tells what is wrong.
    underWay = underWay.then(look).catch(() => undefined)
  }, lookMs)
  return async () => {
    clearInterval(timer)
    await underWay
    bar.stop()
  }
}
