import type { QueueBackend } from './backend.ts'

/** The name of the job that starts the nightly reconciliation. */
export const nightly = 'nightly'

/** Three in the morning by UTC. */
const pattern = '0 0 3 * * *'

/**
 * Makes sure that the nightly reconciliation is scheduled. Called by every worker at its start, which is what
 * brings the schedule back after the queue was lost.
 */
export async function scheduleNightly(queues: QueueBackend): Promise<void> {
  await queues
    .queue('reconcile')
    .upsertJobScheduler(
      nightly,
      { pattern, tz: 'Etc/UTC' },
      { name: nightly, opts: { removeOnComplete: true, removeOnFail: { count: 100 } } },
    )
}
