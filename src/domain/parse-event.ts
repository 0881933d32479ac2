import type { z } from 'zod'
import { type BillingEvent, eventSchema, eventTypes } from './events.ts'

/** One thing that is wrong with an event. */
export interface Fault {
  /** A JSON pointer to the field (RFC 6901), such as `/data/service/id`. */
  pointer: string
  message: string
}

export type Parsed = { event: BillingEvent } | { faults: Fault[] }

/** How far ahead of our clock an event's `time` may be. A later one would outrank every event to come. */
const maxSkewMs = 3_600_000

/** Checks and normalises one event. An event without `time` happened `now`. */
export function parseEvent(input: unknown, now: Date): Parsed {
  const result = eventSchema.safeParse(input)
  if (!result.success) return { faults: result.error.issues.map(issue => describe(issue, input)) }
  const { id, source, type, time, sequence, data } = result.data
  const when = time === undefined ? now : new Date(time)
  if (when.getTime() > now.getTime() + maxSkewMs) {
    return {
      faults: [{ pointer: '/time', message: `${time} is more than an hour in the future; check the clock` }],
    }
  }
  const dated = { time: when, ...(time === undefined ? { undated: true } : {}) }
  const ordered = sequence === undefined ? {} : { sequence }
  return { event: { id, source, type, ...dated, ...ordered, data } as BillingEvent }
}

function describe(issue: z.core.$ZodIssue, input: unknown): Fault {
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path
  return { pointer: pointer(path), message: sentence(issue, input) }
}

function sentence(issue: z.core.$ZodIssue, input: unknown): string {
  if (issue.path.length === 0 && issue.code === 'invalid_type') return 'is not a JSON object'
  if (issue.code === 'invalid_union' && issue.path.at(-1) === 'type') {
    const type = (input as { type?: unknown }).type
    const got = type === undefined ? 'is missing' : `${JSON.stringify(type)} is not an event type`
    return `${got}; accepted are ${eventTypes.join(', ')}`
  }
  if (issue.code === 'unrecognized_keys') return 'is not a field of this event; check the spelling'
  return issue.message
}

function pointer(path: readonly PropertyKey[]): string {
  return path.map(part => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
