import { asIpbridgeError, IpbridgeError } from '../errors.ts'
import type { Intake, Receipt } from '../intake/intake.ts'

/** What became of one line of the file at the door. */
export interface Line {
  /** Its number in the file, from 1. */
  number: number
  /** The date on which it arrived, as far as its time tells; those without one arrived with the line before. */
  day: string
  /** The event's type; only of those that were not refused. */
  type?: string
  status: Receipt['status'] | 'refused'
  operations: string[]
  refusal?: { code: string; message: string }
}

/** A line that is still to be played. */
export type ScriptLine = Pick<Line, 'number' | 'day'> & { text: string }

/** Splits a file of events, one JSON object a line, into days. */
export function readScript(text: string, now: Date): Map<string, ScriptLine[]> {
  const days = new Map<string, ScriptLine[]>()
  let day = ''
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const date = dateOf(line)
    if (date !== undefined && date > day && date <= now.toISOString()) day = date
    days.set(day, [...(days.get(day) ?? []), { number: index + 1, day, text: line }])
  }
  return days
}

function dateOf(line: string): string | undefined {
  return /"time":\s*"(\d{4}-\d\d-\d\d)T/.exec(line)?.[1]
}

/** Gives one line to the intake, as a billing core would, and says what came back. Refusals are not errors here. */
export async function playLine(intake: Intake, { number, day, text }: ScriptLine): Promise<Line> {
  try {
    const event = parseLine(text)
    const [receipt] = await intake.accept([event], 'cli')
    const { status, operations } = receipt as Receipt
    return { number, day, type: (event as { type: string }).type, status, operations }
  } catch (error) {
    const { code, message, retry } = asIpbridgeError(error)
    if (retry === 'later') throw error
    return { number, day, status: 'refused', operations: [], refusal: { code, message } }
  }
}

function parseLine(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new IpbridgeError('malformed_request', 'the line is not JSON: it must be one JSON object')
  }
}
