import { type BillingEvent, eventSchema } from './events.ts'
import { type Fault, faultsOf } from './faults.ts'

export type Parsed = { event: BillingEvent } | { faults: Fault[] }

/** How far ahead of our clock an event's `time` may be. A later one would outrank every event to come. */
const maxSkewMs = 3_600_000

/** Checks and normalises one event. An event without `time` happened `now`. */
export function parseEvent(input: unknown, now: Date): Parsed {
  const result = eventSchema.safeParse(input)
  if (!result.success) return { faults: faultsOf(result.error, input) }
  const { id, source, type, time, sequence, data } = result.data
  const when = time === undefined ? now : new Date(time)
  if (when.getTime() > now.getTime() + maxSkewMs) {
    return refusedTime(`${time} is more than an hour in the future; check the clock`)
  }
  if (when.getTime() < 0) return refusedTime(`${time} is before 1970; check the clock`)
  const dated = { time: when, ...(time === undefined ? { undated: true } : {}) }
  const ordered = sequence === undefined ? {} : { sequence }
  return { event: { id, source, type, ...dated, ...ordered, data } as BillingEvent }
}

function refusedTime(message: string): { faults: Fault[] } {
  return { faults: [{ pointer: '/time', message }] }
}
