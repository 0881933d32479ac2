import type { NightlySchedule } from '../domain/night.ts'
import type { QueueBackend } from './backend.ts'

/** The name of the job that starts the nightly reconciliation. */
export const nightly = 'nightly'

/** As it is where nobody wants a nightly reconciliation: the schedule is kept to notice when the queue is lost. */
const usual: NightlySchedule = { hour: 3, minute: 0, tz: 'Etc/UTC' }

/**
 * Keeps the nightly reconciliation scheduled. As long as the queue is whole, the schedule is in it: so a
 * schedule that is missing also tells that the queue was lost, or is new.
 *
 * @param options.schedule when; undefined: the job comes all the same, and does nothing
 * @param options.onLoss called before a missing schedule is put back; when it fails, it is called again
 * @returns what the dispatcher does every round
 */
export function keepSchedule(options: {
  queues: QueueBackend
  schedule: NightlySchedule | undefined
  onLoss: () => Promise<unknown>
}): () => Promise<void> {
  const { queues, onLoss } = options
  const { hour, minute, tz } = options.schedule ?? usual
  let isCurrent = false
  return async () => {
    const queue = queues.queue('reconcile')
    const isThere = (await queue.getJobScheduler(nightly)) !== undefined
    if (isThere && isCurrent) return
    if (!isThere) await onLoss()
    // At the start it is also written where it is there: an earlier version may have had another.
    await queue.upsertJobScheduler(
      nightly,
      { pattern: `0 ${minute} ${hour} * * *`, tz },
      { name: nightly, opts: { removeOnComplete: true, removeOnFail: { count: 100 } } },
    )
    isCurrent = true
  }
}
