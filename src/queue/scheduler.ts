import type { QueueBackend } from './backend.ts'

/** The name of the job that starts the nightly reconciliation. */
export const nightly = 'nightly'

/** Three in the morning by UTC. */
const pattern = '0 0 3 * * *'

/**
 * Keeps the nightly reconciliation scheduled. As long as the queue is whole, the schedule is in it: so a
 * schedule that is missing also tells that the queue was lost, or is new.
 *
 * @param options.onLoss called before a missing schedule is put back; when it fails, it is called again
 * @returns what the dispatcher does every round
 */
export function keepSchedule(options: {
  queues: QueueBackend
  onLoss: () => Promise<unknown>
}): () => Promise<void> {
  const { queues, onLoss } = options
  let isCurrent = false
  return async () => {
    const queue = queues.queue('reconcile')
    const isThere = (await queue.getJobScheduler(nightly)) !== undefined
    if (isThere && isCurrent) return
    if (!isThere) await onLoss()
    // At the start it is also written where it is there: an earlier version may have had another.
    await queue.upsertJobScheduler(
      nightly,
      { pattern, tz: 'Etc/UTC' },
      { name: nightly, opts: { removeOnComplete: true, removeOnFail: { count: 100 } } },
    )
    isCurrent = true
  }
}
