import { setTimeout as sleep } from 'node:timers/promises'
import { type Job, UnrecoverableError, type Worker } from 'bullmq'
import { asIpbridgeError } from '../errors.ts'
import type { Intake } from '../intake/intake.ts'
import type { Log } from '../log.ts'
import type { QueueBackend } from './backend.ts'
import { eventQueue } from './names.ts'
import { workerSettings } from './workers.ts'

/**
 * Takes in the events that billing cores put on `billing-events`: the job's name is the event's type, its
 * data the CloudEvent. A bad one fails at once with its reason; one that was stored completes with its receipt.
 *
 * The job may be the only copy of the event, and plain producers ask for one attempt: so while the ledger is
 * away, the job is not failed but held until it comes back.
 */
export function startEventWorker(options: {
  queues: QueueBackend
  intake: Intake
  concurrency: number
  log: Log
  /** As for the other workers. */
  silenceMs?: number | undefined
}): Worker {
  const { queues, intake, concurrency, log, silenceMs } = options

  async function process(
    job: Job,
    _token: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    if (job.data?.type !== job.name) {
      throw new UnrecoverableError(
        `invalid_event: the job is named ${JSON.stringify(job.name)}, but its data has the type ${JSON.stringify(job.data?.type)}; both must be the event's type`,
      )
    }
    for (let tries = 0; ; tries++) {
      try {
        const [receipt] = await intake.accept([job.data], 'queue')
        return receipt
      } catch (error) {
        const { code, retry, message } = asIpbridgeError(error)
        if (retry === 'never') throw new UnrecoverableError(`${code}: ${message}`)
        log.warn({ job: job.id, code, tries }, 'an event could not be stored yet')
        await sleep(
          Math.min(250 * 2 ** tries, 5_000),
          undefined,
          signal ? { signal, ref: false } : { ref: false },
        )
      }
    }
  }

  const worker = queues.work(eventQueue, process, { ...workerSettings(silenceMs), concurrency })
  worker.on('error', error => log.warn({ err: error, queue: eventQueue }, 'worker'))
  return worker
}
