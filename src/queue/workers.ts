import { setTimeout as sleep } from 'node:timers/promises'
import { type Job, UnrecoverableError, type Worker } from 'bullmq'
import { usualSilenceMs } from '../db/pool.ts'
import type { OperationKind } from '../domain/states.ts'
import type { Log } from '../log.ts'
import type { QueueBackend } from './backend.ts'
import { operationOfJob } from './names.ts'
import type { OnProgress, Ran, Runner } from './runner.ts'

/** Carries to BullMQ when the next try is due. */
class RetryLater extends Error {
  override name = 'RetryLater'
  readonly delayMs: number
  constructor(message: string, delayMs: number) {
    super(message)
    this.delayMs = delayMs
  }
}

/**
 * Settings of every worker. The lock only keeps jobs from being passed on: correctness rests on the lease.
 * @param silenceMs after this, a worker of which the queue has heard nothing has lost its jobs
 */
export const workerSettings = (silenceMs = usualSilenceMs) => ({
  lockDuration: silenceMs,
  stalledInterval: silenceMs / 2,
  // While the queue is away it is looked for often: BullMQ would leave it alone for 15 seconds each time.
  runRetryDelay: 2_000,
  // Deploys stall jobs; whether an operation has failed is for PostgreSQL to say.
  maxStalledCount: 100,
  settings: {
    backoffStrategy: (_attempts: number, _type?: string, error?: Error) =>
      error instanceof RetryLater ? error.delayMs : 1_000,
  },
})

export interface WorkersOptions {
  queues: QueueBackend
  runner: Runner
  /** Whether an operation waits for its next try, by the clock of PostgreSQL. */
  isEarly: (operation: string) => Promise<boolean>
  kinds: readonly OperationKind[]
  concurrency: number
  log: Log
  /** How long the queue waits for a sign of life before a job is given to another worker; default: 30 seconds. */
  silenceMs?: number | undefined
  /** Work that comes by the clock rather than by an operation, such as the nightly reconciliation. */
  scheduled?: Record<string, () => Promise<unknown>>
}

/** Listens to the queues of operations. */
export function startWorkers(options: WorkersOptions): Worker[] {
  const { queues, runner, isEarly, kinds, concurrency, log, silenceMs, scheduled = {} } = options

  // Three plain parameters, because BullMQ counts them before it passes the signal.
  async function process(
    job: Job,
    _token: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const chore = scheduled[job.name]
    if (chore) return chore()
    const operation = operationOfJob(job.data)
    if (operation === undefined) throw new UnrecoverableError('this job is not an operation of ipbridge')
    // When a job is tried again goes by the clocks of the workers. One that is wrong must not use up all tries at
    // once: the dispatcher, which goes by PostgreSQL's, tells of the operation when its time has come.
    if (job.attemptsMade > 0 && (await isEarly(operation))) return report({ result: 'not claimed' })
    const onProgress: OnProgress = progress => {
      // A job that is gone from the queue has nobody who looks at it.
      job.updateProgress(progress).catch(() => undefined)
    }
    return report(await runner.run(operation, signal, onProgress))
  }

  return kinds.map(kind => {
    const worker = queues.work(kind, process, { ...workerSettings(silenceMs), concurrency })
    worker.on('error', error => log.warn({ err: error, queue: kind }, 'worker'))
    return worker
  })
}

function report(ran: Ran): Ran {
  if (ran.result === 'retry') throw new RetryLater(ran.message, ran.delayMs)
  if (ran.result === 'failed') throw new UnrecoverableError(ran.message)
  return ran
}

/**
 * Stops in order, in bounded time: no new jobs, then a grace for what runs, then abort, then leave. What could
 * not be ended stays leased or locked and is taken up by another worker later.
 */
export async function stopWorkers(
  workers: Worker[],
  runner: Runner,
  options: { graceMs: number; abortMs: number },
): Promise<void> {
  await Promise.all(workers.map(worker => worker.pause(true)))
  await untilIdle(runner, options.graceMs)
  runner.abort()
  await untilIdle(runner, options.abortMs)
  await Promise.race([
    Promise.allSettled(workers.map(worker => worker.close())),
    sleep(2_000, undefined, { ref: false }),
  ])
  await Promise.race([
    Promise.allSettled(workers.map(worker => worker.close(true))),
    sleep(1_000, undefined, { ref: false }),
  ])
  runner.close()
}

async function untilIdle(runner: Runner, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs
  while (runner.active > 0 && performance.now() < deadline) await sleep(20)
}
