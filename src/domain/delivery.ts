/** Everything that billing is told of. */
export const messageTypes = [
  'address.assigned',
  'address.released',
  'address.conflict',
  'ptr.updated',
  'operation.failed',
  'pool.low',
  'reconcile.finished',
] as const

/** A message to billing, as it goes out: a CloudEvent that is also a Standard Webhooks payload. */
export interface OutgoingEvent {
  specversion: '1.0'
  /** The same at every try: receivers tell repeats by it. */
  id: string
  source: string
  type: string
  /** When it happened; `timestamp` is what Standard Webhooks call it. */
  time: string
  timestamp: string
  subject?: string
  datacontenttype: 'application/json'
  data: unknown
}

/** How one try to deliver ended. */
export interface Delivered {
  outcome: 'delivered' | 'failed' | 'gone'
  /** The HTTP status, where there was one. */
  status?: number
  /** What went wrong, for people. */
  detail?: string
  /** When the receiver asked to be left alone until, in milliseconds from now. */
  retryAfterMs?: number
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** The pauses that Standard Webhooks suggest, after the first try, the second and so on. */
const pauses = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
]

/** How often a message is sent before it counts as failed for good: over about three days. */
export const mostDeliveryAttempts = pauses.length + 1

/**
 * How long to wait before the next try; up to a tenth longer at random, so that what failed together does not
 * come back together.
 * @param attempt how many tries have been made, from 1
 * @param random a number from 0 up to 1
 * @returns milliseconds, or undefined when it was the last try
 */
export function deliveryPause(attempt: number, random: number, retryAfterMs = 0): number | undefined {
  const pause = pauses[attempt - 1]
  return pause === undefined ? undefined : Math.round(Math.max(pause, retryAfterMs) * (1 + random / 10))
}

/** @param message as it stands in the outbox */
export function outgoingEvent(message: {
  uid: string
  type: string
  service: string | null
  data: unknown
  at: Date
}): OutgoingEvent {
  const time = message.at.toISOString()
  return {
    specversion: '1.0',
    id: message.uid,
    source: '/ipbridge',
    type: message.type,
    time,
    timestamp: time,
    ...(message.service === null ? {} : { subject: message.service }),
    datacontenttype: 'application/json',
    data: message.data,
  }
}
