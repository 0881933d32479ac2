import { cpus, loadavg } from 'node:os'
import type { Journal } from './journal.ts'
import { isSoon, type Result } from './run.ts'
import type { SiteOptions } from './site.ts'

export type Report = ReturnType<typeof reportOf>

/** Everything that a run tells in the end, for people and for programs. */
export function reportOf(given: {
  course: { seed: number; minutes: number; rate: number }
  site: Pick<SiteOptions, 'queue' | 'workers' | 'apis' | 'leaseSeconds'>
  journal: Journal
  result: Result
}) {
  const { course, site, journal, result } = given
  const { figures, account, violations, restMs, resent, ownDelayMs } = result
  const { queue, workers, apis, leaseSeconds } = site
  const kinds = [...new Set(journal.deeds.map(({ kind }) => kind))].sort()
  const outcomes = (outcome: string) => account.filter(sent => sent.outcome === outcome).length
  const waits = account.flatMap(({ sentAt, acceptedAt }) =>
    acceptedAt === undefined ? [] : [acceptedAt - sentAt],
  )
  return {
    holds: violations.length === 0 && isSoon(restMs),
    course,
    conditions: {
      ...{ queue, workers, apis, leaseSeconds },
      cores: cpus().length,
      load: loadavg().map(load => Math.round(load * 10) / 10),
      node: process.version,
      ownDelayMs: Math.round(ownDelayMs),
    },
    done: kinds.map(kind => {
      const mine = figures.recoveries.filter(recovery => recovery.kind === kind).map(({ ms }) => ms)
      return { kind, times: mine.length, longestRecoveryMs: Math.max(...mine) }
    }),
    notDone: [...journal.missing].map(([kind, why]) => ({ kind, why })),
    billing: {
      sent: account.length,
      accepted: outcomes('accepted'),
      unknown: outcomes('unknown'),
      sentAgain: resent,
      longestWaitMs: Math.max(0, ...waits),
    },
    operations: {
      count: figures.operations,
      byState: figures.byState,
      failures: figures.failures,
      delayed: figures.delayed,
      retries: figures.retries,
      takenFromTheDead: figures.takenFromTheDead,
      ms: figures.ms,
      slowest: figures.slowest,
      longestStandstillMs: figures.longestStandstillMs,
    },
    restMs,
    violations,
  }
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
const listed = (counts: Record<string, number>) =>
  Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ') || 'none'

/** In words. */
export function tell(report: Report): string[] {
  const { course, conditions, done, notDone, billing, operations, restMs, violations } = report
  const { queue, workers, apis, leaseSeconds, cores, load, node, ownDelayMs } = conditions
  return [
    '',
    `What was done in ${course.minutes} minutes, and how long until all that was under way then had ended:`,
    ...done.map(
      ({ kind, times, longestRecoveryMs }) =>
        `  ${String(times).padStart(4)} × ${kind.padEnd(44)} at most ${seconds(longestRecoveryMs)}`,
    ),
    ...notDone.map(({ kind, why }) => `     not done: ${kind}: ${why}`),
    'What was measured:',
    `  events      ${billing.sent} sent, ${(billing.sent / course.minutes / 60).toFixed(1)} a second; ${billing.accepted} accepted, ${billing.unknown} given up without an answer; sent again: ${listed(billing.sentAgain)}; accepted after ${seconds(billing.longestWaitMs)} at most`,
    `  operations  ${operations.count} (${listed(operations.byState)})`,
    `  failures    ${listed(operations.failures)}`,
    `  delayed     ${operations.delayed} took more than 5 s; half of all took ${operations.ms.p50} ms, 99 of 100 ${operations.ms.p99} ms, the longest ${seconds(operations.ms.longest)}`,
    `              the longest was ${operations.slowest?.what}: ${operations.slowest?.steps.join('; ')}`,
    `  retries     ${operations.retries} times an operation was begun again, ${operations.takenFromTheDead} of them taken from a worker that was gone`,
    `  standstill  at most ${seconds(operations.longestStandstillMs)} in which no operation ended`,
    `  rest        ${restMs === undefined ? 'NOT' : seconds(restMs)} after the last trouble${isSoon(restMs) ? '' : ', which is NOT within two minutes'}`,
    `  conditions  seed ${course.seed}, ${course.rate} events a second, queue on ${queue}, ${workers} workers, ${apis} APIs, leases of ${leaseSeconds} s; ${cores} cores, load ${load.join(' ')}, Node ${node}; whoever measured was ${ownDelayMs} ms late at most`,
    ...violations
      .slice(0, 50)
      .map(({ invariant, message }) => `  VIOLATION of invariant ${invariant}: ${message}`),
    report.holds
      ? 'chaos: nothing lost, nothing twice'
      : `chaos: ${violations.length} violations${isSoon(restMs) ? '' : ', and not everything came to rest in time'}`,
  ]
}
