import type { Clock } from '../../src/clock.ts'
import { createOperations } from '../../src/db/operations.ts'
import { createLog } from '../../src/log.ts'
import type { Processor } from '../../src/queue/run.ts'
import { createRunner } from '../../src/queue/runner.ts'
import type { TestApp } from './app.ts'

/** A clock whose monotonic side moves only when it is told to. */
export function heldClock(): Clock & { pass(ms: number): void } {
  let monotonic = 1_000_000
  return {
    now: () => new Date(),
    monotonic: () => monotonic,
    pass(ms) {
      monotonic += ms
    },
  }
}

/** One more worker on the ledger of a test, whose operations do nothing but what the test says. */
export function startRunner(
  app: TestApp,
  processor: Processor,
  options: { clock?: Clock; leaseSeconds?: number; random?: () => number } = {},
) {
  const { clock = app.clock, leaseSeconds = 5, random } = options
  const operations = createOperations(app.db, { worker: 'test', leaseSeconds })
  const runner = createRunner({
    operations,
    processors: { allocate: processor, release: processor, ptr: processor, reconcile: processor },
    announce: async () => {},
    clock,
    log: createLog('silent'),
    ...(random ? { random } : {}),
  })
  return { ...runner, operations }
}
