import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createJournal } from './journal.ts'
import { reportOf, tell } from './report.ts'
import { runCourse } from './run.ts'
import { buildSite } from './site.ts'

/** `npm run chaos`: a whole installation in processes of its own, to which everything happens that can happen. */
const usage =
  'npm run chaos -- [--minutes M] [--rate EVENTS_A_SECOND] [--seed N] [--queue redis|postgres] [--workers N] [--apis N] [--lease SECONDS] [--only PATTERN] [--json FILE] [--keep]'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    rate: { type: 'string', default: '50' },
    seed: { type: 'string' },
    queue: { type: 'string', default: 'redis' },
    workers: { type: 'string' },
    apis: { type: 'string', default: '2' },
    lease: { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})

function numberOf(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (value >= least && value <= most) return value
  throw new Error(`--${name} is ${text}; it takes a number from ${least} to ${most}\n${usage}`)
}

function queueOf(text: string): 'redis' | 'postgres' {
  if (text === 'redis' || text === 'postgres') return text
  throw new Error(`--queue is ${text}; it takes redis or postgres\n${usage}`)
}

async function main(): Promise<number> {
  const queue = queueOf(values.queue)
  const course = {
    seed: numberOf('seed', values.seed ?? `${Date.now() % 1_000_000}`, 0, 2 ** 31),
    minutes: numberOf('minutes', values.minutes, 0.2, 1_440),
    rate: numberOf('rate', values.rate, 1, 1_000),
    only: values.only,
  }
  const folder = await mkdtemp(join(tmpdir(), 'ipbridge-chaos-'))
  // Root lends PostgreSQL another user, who must be able to pass.
  await chmod(folder, 0o755)
  const options = {
    folder,
    queue,
    // The queue in PostgreSQL takes many connections for each worker, and the server has two hundred.
    workers: numberOf('workers', values.workers ?? (queue === 'redis' ? '3' : '2'), 1, 8),
    apis: numberOf('apis', values.apis, 1, 4),
    leaseSeconds: numberOf('lease', values.lease, 1, 1_000),
    // What the events of the run need, and some more.
    diskMegabytes: Math.round(320 + (course.minutes * 60 * course.rate * 15) / 1_000),
    seed: course.seed,
  }
  const ends: (() => Promise<unknown>)[] = []
  async function end(): Promise<void> {
    for (const stop of ends.reverse().splice(0))
      await stop().catch(error => process.stderr.write(`${error}\n`))
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => end().finally(() => process.exit(1)))
  }

  const out = (line: string) => void process.stdout.write(`${line}\n`)
  out(`chaos: ${course.minutes} minutes at ${course.rate} events a second; again with --seed ${course.seed}`)
  let holds = false
  try {
    const site = await buildSite(options, stop => ends.push(stop))
    const journal = createJournal(out)
    const result = await runCourse(site, journal, course)
    const report = reportOf({ course, site: options, journal, result })
    for (const line of tell(report)) out(line)
    if (values.json) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`)
    holds = report.holds
  } finally {
    await end()
    if (holds && !values.keep) await rm(folder, { recursive: true, force: true })
    else out(`logs and books are kept in ${folder}`)
  }
  return holds ? 0 : 1
}

main().then(
  code => process.exit(code),
  error => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exit(2)
  },
)
