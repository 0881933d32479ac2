import type { OperationState } from './states.ts'

/** A message to billing. */
export interface Message {
  type: string
  data: Record<string, unknown>
}

/** How a processor says that the run is over. Failures are thrown instead. */
export interface Outcome {
  state: Exclude<OperationState, 'running'>
  /** For `queued`, `parked` and `waiting`: when the dispatcher looks at it again at the latest. */
  delayMs?: number
  /** The run was not the operation's fault: the attempt does not count. */
  giveBack?: boolean
  error?: { code: string; message: string }
  /** What changes about the assignment; a `ptr` of null says that it has none. */
  assignment?: { state?: 'active' | 'released'; ptr?: string | null }
  messages?: Message[]
}

/** The work is complete. */
export function done(more: Pick<Outcome, 'assignment' | 'messages'> = {}): Outcome {
  return { state: 'done', ...more }
}

/** A later event made it pointless. */
export function superseded(): Outcome {
  return { state: 'superseded' }
}

/** What it is about is not there yet; it is looked at again when that changes, and at the latest after `delayMs`. */
export function waiting(delayMs: number, error: { code: string; message: string }): Outcome {
  return { state: 'waiting', delayMs, giveBack: true, error }
}
