import type { Announcement } from '../db/operations.ts'
import { type OperationKind, operationKinds } from '../domain/states.ts'
import type { Log } from '../log.ts'
import type { QueueBackend } from './backend.ts'
import { jobIdOf, jobIdsOf, jobOf, turnJobIdOf } from './names.ts'

/** Tells the queue about operations. */
export interface Announcer {
  /**
   * Adds a job for each operation. One that still waits in the queue is not added again.
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
   * Whether an operation that was announced, and that nobody has claimed, waits in the queue: then one job is enough.
   * The queue may also take a job for being worked on that went down with its worker, and it would be a minute until it
   * notices. Or it is newer than the ledger, which was restored from a backup, and remembers as failed what is still to
   * be done: that is forgotten.
   */
  async function waits({ kind, id, epoch }: Announcement): Promise<boolean> {
    const queue = queues.queue(kind)
    const ids = [jobIdOf(kind, id, epoch), turnJobIdOf(kind, id, epoch)]
    const jobs = (await Promise.all(ids.map(jobId => queue.getJob(jobId)))).filter(job => job !== undefined)
    // Where somebody else was faster, that is fine, too.
    await Promise.allSettled(jobs.filter(job => job.finishedOn !== undefined).map(job => job.remove()))
    return jobs.some(job => job.processedOn === undefined)
  }

  /** Leaves out what need not be announced once more. A look costs as much as an announcement: so the first is made at once. */
  async function unheard(operations: Announcement[]): Promise<Announcement[]> {
    const isHeard = await Promise.all(
      operations.map(operation => (operation.announcements ?? 0) > 1 && waits(operation)),
    )
    return operations.filter((_, n) => !isHeard[n])
  }

  async function add(kind: OperationKind, operations: Announcement[]): Promise<void> {
    const jobs = (await unheard(operations)).map(jobOf)
    if (jobs.length === 0) return
    await queues
      .queue(kind)
      .addBulk(jobs.map(({ name, data, opts }) => ({ name, data, opts: { ...jobOptions, ...opts } })))
  }

  return {
    async announce(operations) {
      const added = operationKinds.map(kind =>
        add(
          kind,
          operations.filter(operation => operation.kind === kind),
        ),
      )
      for (const result of await Promise.allSettled(added)) {
        if (result.status === 'rejected') {
          log.warn({ err: result.reason }, 'the queue is away; the dispatcher announces the operations later')
        }
      }
    },

    async forget(kind, id, epoch) {
      const epochs = Array.from({ length: Math.min(epoch, 50) + 1 }, (_, back) => epoch - back)
      const ids = epochs.flatMap(each => jobIdsOf(kind, id, each))
      await Promise.allSettled(ids.map(jobId => queues.queue(kind).remove(jobId)))
    },
  }
}
