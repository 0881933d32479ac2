import { operationKinds } from '../domain/states.ts'
import type { Check } from './checks.ts'
import type { Facts } from './facts.ts'
import type { Line } from './play.ts'

const width = 112

export function opening(env: NodeJS.ProcessEnv, seconds: string): string[] {
  const spared = ['DATABASE_URL', 'REDIS_URL', 'IPBRIDGE_DATA_DIR'].filter(name => env[name])
  return [
    'ipbridge demo: a fortnight of a small hosting company, played to the real intake, queue and workers',
    '',
    ...wrapped(
      '  ',
      `A PostgreSQL of its own, with the queue in it, was up in ${seconds}. It is thrown away at the end${
        spared.length > 0 ? `; ${spared.join(' and ')} of your environment are left alone` : ''
      }.`,
    ),
    '',
  ]
}

export const dayHead = row('day', ['lines', 'assigned', 'released', 'PTRs', 'parked', 'refused'])

/** One day in the table of days. What was told to billing, counted by type, says what was done. */
export function dayLine(
  day: string,
  lines: readonly Line[],
  books: { told: ReadonlyMap<string, number>; toldBefore: ReadonlyMap<string, number>; parked: number },
): string {
  const newly = (type: string) => (books.told.get(type) ?? 0) - (books.toldBefore.get(type) ?? 0)
  const date = day === '' ? '(no date)' : new Date(day).toUTCString().slice(0, 11)
  const done = ['address.assigned', 'address.released', 'ptr.updated'].map(newly)
  return row(date, [lines.length, ...done, books.parked, refusedOf(lines).length])
}

/** What became of the lines, of the work that they led to, and of the pools. */
export function results(lines: readonly Line[], facts: Facts): string[] {
  return ['', ...atTheDoor(lines), '', ...refusals(lines), '', ...work(facts), '', ...fill(facts)]
}

/** What was shown, and where to look next. */
export function closing(checks: readonly Check[], seconds: string): string[] {
  const isFine = checks.every(check => check.holds)
  return [
    '',
    ...checks.flatMap(({ holds, text }) => wrapped(holds ? '  ok    ' : '  FAIL  ', text)),
    '',
    isFine
      ? `All of it went as it should, in ${seconds}.`
      : `Not all of it went as it should; it took ${seconds}.`,
    '',
    'Where to look next:',
    '  examples/events.ndjson        what was played; refused lines are named by their number above',
    '  npm start                     ipbridge with nothing but Node; it prints an admin token, then open',
    '                                http://127.0.0.1:3000/docs (the API) and /queues (the work)',
    '  workers/allocate.ts           what happens to an event, as a list; src/app.ts builds everything',
    '  docs/guides/production.md     Redis and a PostgreSQL of your own',
  ]
}

function atTheDoor(lines: readonly Line[]): string[] {
  const statuses = ['accepted', 'duplicate', 'superseded'] as const
  const types = [...new Set(lines.flatMap(line => line.type ?? []))].sort()
  const tally = (type: string) =>
    statuses.map(status => lines.filter(line => line.type === type && line.status === status).length)
  return [row(`${lines.length} lines`, statuses), ...types.map(type => row(type, tally(type)))]
}

function refusals(lines: readonly Line[]): string[] {
  const refused = refusedOf(lines)
  const reasons = refused.map(({ number, refusal }) => `${String(number).padStart(6)}  ${refusal?.message}`)
  return [`  ${refused.length} lines were refused, and nothing of them is stored:`, ...reasons.map(shortened)]
}

function work({ operations }: Facts): string[] {
  const states = [...new Set(operations.map(({ state }) => state))].sort()
  const kinds = operationKinds.filter(kind => operations.some(operation => operation.kind === kind))
  const tally = (kind: string) =>
    states.map(state => operations.find(o => o.kind === kind && o.state === state)?.count ?? 0)
  const total = operations.reduce((sum, { count }) => sum + count, 0)
  return [row(`${total} operations`, states), ...kinds.map(kind => row(kind, tally(kind)))]
}

function fill({ pools }: Facts): string[] {
  const free = (count: string) => (count.length > 9 ? `2^${Math.round(Math.log2(Number(count)))}` : count)
  return [
    row('pool', ['used', 'quarantined', 'free']),
    ...pools.map(pool => row(pool.name, [pool.used, pool.quarantined, free(pool.free)])),
  ]
}

function refusedOf(lines: readonly Line[]): Line[] {
  return lines.filter(line => line.status === 'refused')
}

function row(name: string, cells: readonly (string | number)[]): string {
  return `  ${name.padEnd(18)}${cells.map(cell => `${cell}`.padStart(12)).join('')}`
}

function shortened(text: string): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text
}

/** Breaks a long text at its spaces, every line indented like the first. */
function wrapped(lead: string, text: string): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && lead.length + longer.length > width) lines.push(word)
    else lines[lines.length - 1] = longer
  }
  return lines.map((line, index) => `${index === 0 ? lead : ' '.repeat(lead.length)}${line}`)
}
