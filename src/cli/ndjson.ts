/** One line of newline-delimited JSON: what it holds, or why it cannot be read. */
export type Line = { number: number; bytes: number } & ({ input: unknown } | { fault: string })

/** Longer than any event may be. A longer line is refused without being kept. */
const mostBytes = 1_048_576

const newline = 10

/**
 * Reads newline-delimited JSON, in memory that does not grow with its length. Empty lines are left out.
 * @param onBytes is told how much was read, for showing progress
 */
export async function* readLines(
  source: AsyncIterable<Buffer>,
  onBytes: (count: number) => void = () => undefined,
): AsyncGenerator<Line> {
  let number = 0
  let parts: Buffer[] = []
  let length = 0

  function take(part: Buffer): void {
    length += part.length
    if (length <= mostBytes) parts.push(part)
    else parts = []
  }

  function end(): Line | undefined {
    number += 1
    const what = parse(length > mostBytes ? undefined : Buffer.concat(parts))
    const line = what && { number, bytes: Math.min(length, mostBytes), ...what }
    parts = []
    length = 0
    return line
  }

  for await (const chunk of source) {
    onBytes(chunk.length)
    let from = 0
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      take(chunk.subarray(from, at))
      from = at + 1
      const line = end()
      if (line) yield line
    }
    take(chunk.subarray(from))
  }
  const last = length > 0 ? end() : undefined
  if (last) yield last
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** @param bytes undefined for a line that was too long to keep */
function parse(bytes: Buffer | undefined): { input: unknown } | { fault: string } | undefined {
  if (bytes === undefined) return { fault: `is longer than ${mostBytes} bytes` }
  let text: string
  try {
    // Also drops the byte order mark that some programs put before the first line.
    text = utf8.decode(bytes).trim()
  } catch {
    return { fault: 'is not UTF-8' }
  }
  if (text === '') return undefined
  try {
    return { input: JSON.parse(text) }
  } catch (error) {
    return { fault: `is not JSON: ${(error as Error).message}` }
  }
}
