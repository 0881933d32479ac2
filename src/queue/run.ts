import type { Claimed, ClaimedAssignment, ClaimedService } from '../db/operations.ts'
import type { Outcome } from '../domain/outcome.ts'

/** One try at an operation, as a processor sees it. */
export interface Run extends Claimed {
  /** Aborted at shutdown, on cancellation, and when the lease could not be renewed in time. */
  readonly signal: AbortSignal
  /** When this try began, by the clock of its worker. */
  readonly begun: Date
  /**
   * Does one step and logs it with its outcome and duration. Refuses to begin once the signal is aborted or
   * the local deadline has passed: then another worker may be at it already.
   *
   * @param outcome what to log, from the result; default `done`
   */
  step<T>(
    name: string,
    work: (signal: AbortSignal) => Promise<T>,
    outcome?: (result: T) => string,
  ): Promise<T>
  /** Tells how far a long run is; shown on its job in the queue. Never waits, never fails. */
  progress(done: number, total: number): void
}

/** A try at an operation about an assignment of a service that is known. */
export type AssignmentRun = Run & { service: ClaimedService; assignment: ClaimedAssignment }

export type Processor = (run: Run) => Promise<Outcome>
