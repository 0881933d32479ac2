import { addAbortSignal } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { IpbridgeError } from '../errors.ts'
import type { Imported } from './event-import.ts'
import { exitCodes } from './failure.ts'
import { openInput } from './input.ts'
import { readLines } from './ndjson.ts'
import { say, sayJson, shown } from './output.ts'
import { showProgress } from './progress.ts'
import { type Session, withApp } from './session.ts'

/** Takes in a file of events, and says what became of its lines. */
export async function takeFile(file: string, options: { wait?: number; json?: boolean }): Promise<void> {
  const { stream, bytes } = await openInput(file)
  await withApp(async session => {
    const { importEvents } = await import('./event-import.ts')
    const { app, signal } = session
    const imported: Imported = { lines: 0, accepted: 0, duplicate: 0, superseded: 0, refused: 0 }
    const progress = showProgress('events', bytes)
    let read = 0
    const onBytes = (count: number) => {
      read += count
    }
    try {
      await importEvents(readLines(addAbortSignal(signal, stream), onBytes), {
        intake: app.intake,
        signal,
        imported,
        onRefused: (line, reason) => progress.note(`line ${line}: ${shown(reason)}`),
        onProgress: () => progress.update(read, imported.lines),
      })
    } finally {
      progress.stop()
      stream.destroy()
      const { operations: _, ...counts } = imported
      if (options.json) sayJson(counts)
      else
        say(
          Object.entries(counts)
            .map(([name, count]) => `${name}: ${count}`)
            .join(', '),
        )
    }
    if (imported.refused > 0) process.exitCode = exitCodes.failed
    if (options.wait !== undefined) await settle(session, imported, options.wait)
  })
}

/** Waits until everything that came of a file has ended, or waits for something that is not there yet. */
async function settle({ app, signal }: Session, { operations }: Imported, seconds: number): Promise<void> {
  const deadline = performance.now() + seconds * 1_000
  for (let open = 1; operations; await sleep(200, undefined, { signal })) {
    open = await app.desk.operations.openBetween(operations.first, operations.last)
    if (open === 0) return
    if (performance.now() > deadline) {
      throw new IpbridgeError(
        'unavailable',
        `${open} operations are still on their way after ${seconds} seconds; does a worker run? \`ipbridge doctor\` says more`,
      )
    }
  }
}
