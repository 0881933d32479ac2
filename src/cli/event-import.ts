import { setTimeout as sleep } from 'node:timers/promises'
import { sqlState } from '../db/client.ts'
import { IpbridgeError } from '../errors.ts'
import type { Intake } from '../intake/intake.ts'
import type { Line } from './ndjson.ts'

/** What became of the lines of a file. */
export interface Imported {
  lines: number
  accepted: number
  duplicate: number
  superseded: number
  refused: number
  /** The first and the last of the operations that came of it; their ids are in the order of time. */
  operations?: { first: string; last: string }
}

type Readable = Extract<Line, { input: unknown }>

/** As many as intake stores at its best, and few enough to be held in memory whatever their size. */
const batchSize = 500
const batchBytes = 4_194_304

/**
 * Takes in events line by line, in batches, one at a time, so that the file is read no faster than the database
 * stores, nor faster than workers can follow. A bad line is told of and left out; it does not stop the others.
 *
 * @param options.onRefused is told which line was refused and why
 * @param options.onProgress is called after each batch
 * @throws whatever makes going on impossible, such as a database that is away; `imported` says how far it came
 */
export async function importEvents(
  lines: AsyncIterable<Line>,
  options: {
    intake: Intake
    signal: AbortSignal
    imported: Imported
    onRefused: (line: number, reason: string) => void
    onProgress: () => void
  },
): Promise<void> {
  const { intake, signal, imported, onRefused, onProgress } = options

  function refuse(line: number, reason: string): void {
    imported.refused += 1
    onRefused(line, reason)
  }

  /** All or none of a batch is taken in; so whoever spoils it is sought out and left out. */
  async function take(batch: Readable[]): Promise<void> {
    const [only] = batch
    if (only === undefined) return
    try {
      const receipts = await intake.accept(
        batch.map(({ input }) => input),
        'cli',
      )
      for (const { status, operations } of receipts) {
        imported[status] += 1
        if (status !== 'duplicate') noteOperations(imported, operations)
      }
    } catch (error) {
      if (error instanceof IpbridgeError && error.code === 'overloaded') {
        await sleep(error.retryAfterMs, undefined, { signal })
        return take(batch)
      }
      const reason = refusalOf(error)
      if (reason === undefined) throw error
      if (batch.length === 1) return refuse(only.number, reason)
      const bad = faultsByIndex(error)
      for (const [index, fault] of bad) refuse(batch[index]?.number ?? 0, fault)
      if (bad.size > 0) return take(batch.filter((_, index) => !bad.has(index)))
      const middle = Math.ceil(batch.length / 2)
      await take(batch.slice(0, middle))
      await take(batch.slice(middle))
    }
  }

  for await (const batch of batchesOf(lines)) {
    signal.throwIfAborted()
    for (const line of batch) if ('fault' in line) refuse(line.number, line.fault)
    await take(batch.filter(line => 'input' in line))
    imported.lines += batch.length
    onProgress()
  }
}

async function* batchesOf(lines: AsyncIterable<Line>): AsyncGenerator<Line[]> {
  let batch: Line[] = []
  let bytes = 0
  for await (const line of lines) {
    batch.push(line)
    bytes += line.bytes
    if (batch.length < batchSize && bytes < batchBytes) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}

/** Why an event is refused; undefined for a failure that says nothing about the events. */
function refusalOf(error: unknown): string | undefined {
  if (error instanceof IpbridgeError) {
    return error.code === 'invalid_event' || error.code === 'event_conflict' ? error.message : undefined
  }
  // What PostgreSQL cannot hold in text: NUL, and halves of characters.
  if (sqlState(error)?.startsWith('22'))
    return 'holds text that is not well-formed Unicode, or a NUL character'
  return undefined
}

/** In a batch, the pointer of each fault begins with the event's index. */
function faultsByIndex(error: unknown): Map<number, string> {
  const faults = error instanceof IpbridgeError ? (error.faults ?? []) : []
  const reasons = new Map<number, string>()
  for (const { pointer, message } of faults) {
    const [, index = '', rest = ''] = /^\/(\d+)(.*)$/s.exec(pointer) ?? []
    const reason = `${rest || 'the event'} ${message}`
    const earlier = reasons.get(Number(index))
    reasons.set(Number(index), earlier === undefined ? reason : `${earlier}; ${reason}`)
  }
  return reasons
}

function noteOperations(imported: Imported, ids: string[]): void {
  for (const id of ids) {
    imported.operations ??= { first: id, last: id }
    if (id < imported.operations.first) imported.operations.first = id
    if (id > imported.operations.last) imported.operations.last = id
  }
}
