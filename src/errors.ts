/** Whether trying the same again can help. */
export type Retry = 'never' | 'later'

interface ErrorKind {
  /** HTTP status when it reaches an API caller. */
  status: number
  retry: Retry
}

/** Every failure that ipbridge names. The codes are stable; docs/reference/errors.md says what to do about each. */
export const errorKinds = {
  invalid_event: { status: 422, retry: 'never' },
  event_conflict: { status: 409, retry: 'never' },
  invalid_request: { status: 422, retry: 'never' },
  malformed_request: { status: 400, retry: 'never' },
  unsupported_media_type: { status: 415, retry: 'never' },
  too_large: { status: 413, retry: 'never' },
  unauthorized: { status: 401, retry: 'never' },
  forbidden: { status: 403, retry: 'never' },
  not_found: { status: 404, retry: 'never' },
  method_not_allowed: { status: 405, retry: 'never' },
  already_exists: { status: 409, retry: 'never' },
  in_use: { status: 409, retry: 'never' },
  wrong_state: { status: 409, retry: 'never' },
  plan_stale: { status: 409, retry: 'never' },
  rate_limited: { status: 429, retry: 'later' },
  unavailable: { status: 503, retry: 'later' },
  overloaded: { status: 503, retry: 'later' },
  internal: { status: 500, retry: 'later' },

  bad_credentials: { status: 502, retry: 'never' },
  access_denied: { status: 502, retry: 'never' },
  certificate_expired: { status: 502, retry: 'never' },
  certificate_untrusted: { status: 502, retry: 'never' },
  wrong_panel: { status: 502, retry: 'never' },
  host_not_found: { status: 502, retry: 'later' },
  ipam_refused: { status: 502, retry: 'never' },
  ipam_busy: { status: 503, retry: 'later' },
  ipam_unavailable: { status: 503, retry: 'later' },
  outcome_unknown: { status: 503, retry: 'later' },
  pool_exhausted: { status: 409, retry: 'later' },
  no_such_pool: { status: 422, retry: 'never' },
  address_taken: { status: 409, retry: 'never' },
  address_outside_pools: { status: 422, retry: 'never' },

  ptr_not_confirmed: { status: 409, retry: 'never' },
  dns_unavailable: { status: 503, retry: 'later' },
  address_not_assigned: { status: 404, retry: 'never' },
  record_not_ours: { status: 409, retry: 'never' },
  service_not_live: { status: 409, retry: 'never' },
  replacement_not_ready: { status: 409, retry: 'never' },
  still_in_use: { status: 409, retry: 'later' },
  panel_unavailable: { status: 503, retry: 'later' },
  panel_refused: { status: 502, retry: 'never' },
  too_many_attempts: { status: 500, retry: 'never' },
  too_many_conflicts: { status: 409, retry: 'never' },
  reconcile_refused: { status: 409, retry: 'never' },
  interrupted: { status: 503, retry: 'later' },
  invalid_configuration: { status: 500, retry: 'never' },
} satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof errorKinds

export interface ErrorOptions {
  cause?: unknown
  /** Whether the failed call may have taken effect: then look before repeating. */
  outcome?: 'unknown'
  /** When to come back, in milliseconds, as the other side asked (`Retry-After`). */
  retryAfterMs?: number
  /** What was wrong with which field, as JSON pointers. */
  faults?: { pointer: string; message: string }[]
}

/** A failure with a stable code. The message is for people and never holds a secret. */
export class IpbridgeError extends Error {
  override name = 'IpbridgeError'
  readonly code: ErrorCode
  readonly retry: Retry
  readonly status: number
  readonly outcome: 'none' | 'unknown'
  readonly retryAfterMs: number | undefined
  readonly faults: { pointer: string; message: string }[] | undefined

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retry = errorKinds[code].retry
    this.status = errorKinds[code].status
    this.outcome = options.outcome ?? 'none'
    this.retryAfterMs = options.retryAfterMs
    this.faults = options.faults
  }
}

/** An operation was taken over by a later claim: whoever gets this must stop and touch nothing more. */
export class FenceLost extends Error {
  override name = 'FenceLost'
  constructor(operation: string) {
    super(`operation ${operation} was taken over by a later claim`)
  }
}

/** The one place where any thrown value becomes one of our errors. What we do not know heals or is looked at. */
export function asIpbridgeError(error: unknown): IpbridgeError {
  if (error instanceof IpbridgeError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new IpbridgeError('internal', message, { cause: error })
}
