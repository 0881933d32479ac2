import type { Announcement } from '../db/operations.ts'
import { type OperationKind, operationKinds } from '../domain/states.ts'
import type { Log } from '../log.ts'
import type { QueueBackend } from './backend.ts'
import { jobIdOf, jobOf, turnJobIdOf } from './names.ts'

/** Tells the queue about operations. */
export interface Announcer {
  /**
   * Adds a job for each operation. A job that is still in the queue is not added again.
   * Never fails: what the queue did not hear now, the dispatcher tells it later.
   */
  announce(operations: Announcement[]): Promise<void>
  /** Removes the failed jobs that an operation left behind, so that operators see only what is still failed. */
  forget(kind: OperationKind, id: string, epoch: number): Promise<void>
}

/** How the jobs of operations are kept and retried; when a retry is due, the runner says (src/queue/runner.ts). */
const jobOptions = {
  // Whether an operation has failed is for PostgreSQL to say. A job that gave up by itself would keep its id,
  // and the operation could not be announced again.
  attempts: 1_000_000_000,
  backoff: { type: 'ipbridge' },
  // A job that ended must free its id at once: the same operation may have to be announced again.
  removeOnComplete: true,
  removeOnFail: { count: 5_000 },
  stackTraceLimit: 3,
}

export function createAnnouncer(queues: QueueBackend, log: Log): Announcer {
  /**
   * A queue that is newer than the ledger, because that was restored from a backup, may remember as failed what is
   * still to be done, and takes no second job of its id.
   */
  async function forgetFailed({ kind, id, epoch }: Announcement): Promise<void> {
    const queue = queues.queue(kind)
    for (const jobId of [jobIdOf(kind, id, epoch), turnJobIdOf(kind, id, epoch)]) {
      if ((await queue.getJobState(jobId)) === 'failed') await queue.remove(jobId)
    }
  }

  return {
    async announce(operations) {
      // Not each time: a queue may also be long, and a look costs as much as an announcement.
      const unheard = operations.filter(({ announcements = 0 }) => announcements % 4 === 2)
      await Promise.allSettled(unheard.map(forgetFailed))
      const added = operationKinds.map(kind => {
        const members = operations.filter(operation => operation.kind === kind).map(jobOf)
        const jobs = members.map(({ name, data, opts }) => ({ name, data, opts: { ...jobOptions, ...opts } }))
        return jobs.length === 0 ? [] : queues.queue(kind).addBulk(jobs)
      })
      for (const result of await Promise.allSettled(added)) {
        if (result.status === 'rejected') {
          log.warn({ err: result.reason }, 'the queue is away; the dispatcher announces the operations later')
        }
      }
    },

    async forget(kind, id, epoch) {
      const epochs = Array.from({ length: Math.min(epoch, 50) + 1 }, (_, back) => epoch - back)
      const ids = epochs.flatMap(each => [jobIdOf(kind, id, each), turnJobIdOf(kind, id, each)])
      await Promise.allSettled(ids.map(jobId => queues.queue(kind).remove(jobId)))
    },
  }
}
