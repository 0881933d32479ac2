import { z } from 'zod'
import type { Announcement } from '../db/operations.ts'
import { type OperationKind, operationKinds } from '../domain/states.ts'

/** Where billing cores that speak BullMQ put their events. */
export const eventQueue = 'billing-events'

/** One queue for each kind of operation, so that each can have workers of its own. */
export const operationQueues: readonly OperationKind[] = operationKinds

export const allQueues: readonly string[] = [eventQueue, ...operationQueues]

/** So many jobs of one operation are enough, should nobody claim it for hours. */
const mostAgain = 6

/** What a job says: look at this operation. The truth about it is in PostgreSQL. */
const jobData = z.object({ v: z.literal(1), operation: z.uuid() })

export function jobOf({ id, kind, epoch, turn, announcements = 0 }: Announcement) {
  const first = turn ? turnJobIdOf(kind, id, epoch) : jobIdOf(kind, id, epoch)
  const jobId = announcements > 1 ? againJobIdOf(kind, id, epoch, announcements) : first
  return { name: kind, data: { v: 1, operation: id }, opts: { jobId } }
}

/**
 * BullMQ refuses ids that are numbers or hold a colon, and ignores a job whose id it still knows: so the epoch
 * gives each claim's successor a new one.
 */
export function jobIdOf(kind: OperationKind, operation: string, epoch: number): string {
  return `${kind}-${operation}-${epoch}`
}

/**
 * For an operation whose turn has come: the job that found it too early may be about to end at this very moment,
 * and would swallow another of its id.
 */
export function turnJobIdOf(kind: OperationKind, operation: string, epoch: number): string {
  return `${jobIdOf(kind, operation, epoch)}-turn`
}

/**
 * For an operation that nobody has claimed, although it was announced: a job that went down with its worker keeps its
 * id until the queue notices.
 */
function againJobIdOf(kind: OperationKind, operation: string, epoch: number, announcements: number): string {
  return `${jobIdOf(kind, operation, epoch)}-${Math.min(announcements, mostAgain)}`
}

/** All ids that jobs between two claims of an operation may have. */
export function jobIdsOf(kind: OperationKind, operation: string, epoch: number): string[] {
  const again = Array.from({ length: mostAgain }, (_, n) => againJobIdOf(kind, operation, epoch, n + 1))
  return [jobIdOf(kind, operation, epoch), turnJobIdOf(kind, operation, epoch), ...again]
}

/** @returns undefined where the job is not one of ours */
export function operationOfJob(data: unknown): string | undefined {
  return jobData.safeParse(data).data?.operation
}
