import { SingleBar } from 'cli-progress'

/** Something long that is under way. */
export interface Progress {
  /** @param value of the total @param count what people count, such as events */
  update(value: number, count: number): void
  /** Says something in between, on standard error. */
  note(line: string): void
  stop(): void
}

/** Sooner than this a bar would only flash up. */
const afterMs = 1_000

/**
 * Shows a bar on standard error, where that is a terminal and it takes longer than a moment.
 * @param what is counted, such as `events`
 * @param total undefined where the end cannot be known
 */
export function showProgress(what: string, total: number | undefined, stream = process.stderr): Progress {
  const began = performance.now()
  const format =
    total === undefined
      ? `{count} ${what} in {duration_formatted}`
      : `{bar} {percentage}% | {count} ${what} | {eta_formatted} to go`
  const bar = new SingleBar({ stream, format, hideCursor: true, barsize: 30, etaBuffer: 50 })

  return {
    update(value, count) {
      if (!stream.isTTY || performance.now() - began < afterMs) return
      if (bar.isActive) bar.update(value, { count })
      else bar.start(total ?? 0, value, { count })
    },
    note(line) {
      // The bar stands in the last line, and draws itself again at its next turn.
      stream.write(bar.isActive ? `\r\u001b[K${line}\n` : `${line}\n`)
    },
    stop() {
      if (bar.isActive) bar.stop()
    },
  }
}
