import { once } from 'node:events'

/** Prints a line on standard output. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Writes a piece of something long, and waits where the reader is slower. */
export async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** Prints a value as JSON. */
export function sayJson(value: unknown): void {
  say(JSON.stringify(value, undefined, 2))
}

/** What a table shows: the heading of each column and what stands in it. */
export type Columns<T> = Record<string, (item: T) => unknown>

/** Lines of a table, with its headings. */
export function tableOf<T>(items: readonly T[], columns: Columns<T>): string[] {
  const headings = Object.keys(columns)
  const rows = items.map(item => Object.values(columns).map(cell => shown(cell(item))))
  const widths = headings.map((heading, n) =>
    Math.max(...[heading, ...rows.map(row => row[n] ?? '')].map(lengthOf)),
  )
  return [headings, ...rows].map(row =>
    row
      .map((cell, n) => cell + ' '.repeat((widths[n] ?? 0) - lengthOf(cell)))
      .join('  ')
      .trimEnd(),
  )
}

/** Lines that show all of an object: first its plain fields, then its lists as tables. */
export function detailsOf(value: object): string[] {
  const entries = Object.entries(value)
  const isTable = (inner: unknown): inner is object[] =>
    Array.isArray(inner) && inner.length > 0 && inner.every(item => typeof item === 'object' && item !== null)
  const plain = entries.filter(([, inner]) => !isTable(inner))
  const width = Math.max(0, ...plain.map(([name]) => name.length))
  return [
    ...plain.map(([name, inner]) => `${name.padEnd(width)}  ${shown(inner)}`),
    ...entries.flatMap(([name, inner]) =>
      isTable(inner) ? ['', `${name}:`, ...tableOf(inner, allColumns(inner)).map(line => `  ${line}`)] : [],
    ),
  ]
}

function allColumns(items: object[]): Columns<object> {
  const names = [...new Set(items.flatMap(item => Object.keys(item)))]
  return Object.fromEntries(names.map(name => [name, item => (item as Record<string, unknown>)[name]]))
}

/** One cell. Whatever came from outside must not steer the terminal. */
export function shown(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-'
  if (value instanceof Date) return value.toISOString().replace(/\.\d+Z$/, 'Z')
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(shown).join(', ')
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    character => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
}

function lengthOf(text: string): number {
  return [...text].length
}
