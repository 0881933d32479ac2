import { takeSnapshot } from '../../src/db/snapshot.ts'
import { checkInvariants } from '../../src/domain/invariants.ts'
import type { Told } from './billing.ts'
import type { OverloadApp } from './overload.ts'
import type { Sample } from './watch.ts'

/** The most memory that each process may hold, in MiB, however much comes and waits. */
export const memoryBoundMb = 512

/** How long an answer may take, in 99 of 100 cases, in milliseconds. */
export const answerBoundMs = 1_000

/** Of what was sampled in the middle third, how much the mean of the last third may be: more is growth. */
const growthBound = 1.25

/** With fewer samples processes are still warming up. */
const fewSamples = 12

/** What must hold, what was found, and whether that is so. */
export type Verdict = { must: string; found: string; holds: boolean }[]

/** Judges from the outside: by what billing was told, and by what is in the ledger and the pools. */
export async function verdict(
  app: OverloadApp,
  { told, samples }: { told: Told; samples: readonly Sample[] },
): Promise<Verdict> {
  const p99 = percentile([...told.acceptedMs, ...told.refusedMs], 99)
  const strange = [...told.others].map(([what, count]) => `${count} × ${what}`).join(', ')
  const peaks = ['api', 'worker'].map(name => ({ name, mb: peakOf(samples, name) }))
  const courses = ['api', 'worker'].map(name => ({ name, ...courseOf(samples, name) }))
  const stored = await app.db.event.findMany({
    select: { eventId: true, source: true },
    where: { eventId: { startsWith: 'rush-' } },
  })
  const inbox = new Set(stored.map(({ eventId }) => eventId))
  const lost = [...told.accepted].filter(id => !inbox.has(id)).length
  const failed = await app.db.operation.count({ where: { state: 'failed' } })
  const violations = checkInvariants(await takeSnapshot(app.db, app.ipams.driver), { quiet: true })
  return [
    {
      must: `99 of 100 answers within ${answerBoundMs} ms`,
      found: `${Math.round(p99)} ms`,
      holds: p99 <= answerBoundMs,
    },
    { must: 'no answer but 202, 429 and 503', found: strange || 'none', holds: strange === '' },
    {
      must: `at most ${memoryBoundMb} MiB for each process`,
      found: peaks.map(({ name, mb }) => `${name} ${mb} MiB`).join(', '),
      holds: peaks.every(({ mb }) => mb <= memoryBoundMb),
    },
    {
      must: 'memory does not grow',
      found: courses
        .map(({ name, begin, middle, end }) => `${name} ${begin}, then ${middle}, then ${end} MiB`)
        .join('; '),
      holds: samples.length < fewSamples || courses.every(({ middle, end }) => end <= middle * growthBound),
    },
    {
      must: 'every accepted event is in the inbox, once',
      found: `${lost} lost, ${stored.length - inbox.size} twice`,
      holds: lost === 0 && stored.length === inbox.size,
    },
    { must: 'no operation failed', found: `${failed} failed`, holds: failed === 0 },
    {
      must: 'all invariants hold',
      found: violations[0]?.message ?? 'they do',
      holds: violations.length === 0,
    },
  ]
}

/** The highest of what was sampled of a process. */
export function peakOf(samples: readonly Sample[], name: string): number {
  return Math.max(0, ...samples.map(({ rssMb }) => rssMb[name] ?? 0))
}

/** The mean of each third of what was sampled of a process, in MiB. */
export function courseOf(samples: readonly Sample[], name: string) {
  const values = samples.map(({ rssMb }) => rssMb[name] ?? 0).filter(mb => mb > 0)
  const third = Math.ceil(values.length / 3)
  const mean = (part: number[]) =>
    Math.round(part.reduce((sum, mb) => sum + mb, 0) / Math.max(1, part.length))
  return {
    begin: mean(values.slice(0, third)),
    middle: mean(values.slice(third, 2 * third)),
    end: mean(values.slice(-third)),
  }
}

/** The value that so many of a hundred do not exceed; 0 where there are none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.max(0, Math.ceil((sorted.length * share) / 100) - 1)] ?? 0
}
