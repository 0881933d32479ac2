import { z } from 'zod'
import type { Announcement } from '../db/operations.ts'
import { type OperationKind, operationKinds } from '../domain/states.ts'

/** Where billing cores that speak BullMQ put their events. */
export const eventQueue = 'billing-events'

/** One queue for each kind of operation, so that each can have workers of its own. */
export const operationQueues: readonly OperationKind[] = operationKinds

export const allQueues: readonly string[] = [eventQueue, ...operationQueues]

/** What a job says: look at this operation. The truth about it is in PostgreSQL. */
const jobData = z.object({ v: z.literal(1), operation: z.uuid() })

export function jobOf({ id, kind, epoch }: Announcement) {
  // The epoch makes the id of each claim's successor a new one: BullMQ ignores an id that it still knows.
  return { name: kind, data: { v: 1, operation: id }, opts: { jobId: jobIdOf(kind, id, epoch) } }
}

/** BullMQ refuses ids that are numbers or hold a colon. */
export function jobIdOf(kind: OperationKind, operation: string, epoch: number): string {
  return `${kind}-${operation}-${epoch}`
}

/** @returns undefined where the job is not one of ours */
export function operationOfJob(data: unknown): string | undefined {
  return jobData.safeParse(data).data?.operation
}
