import type { Report } from './main.ts'
import type { Comparison } from './reconcile.ts'

/** Prints the figures for people. */
export function printReport(report: Report): void {
  const lines: [string, string][] = [
    ['(a) events → active assignments, one worker process', perSecond(report.endToEnd.perSecond)],
    ['    share of the bare SQL limit (c)', `${report.endToEnd.ofSqlLimit}`],
    ['(b) BullMQ no-op jobs on the same Redis', perSecond(report.queueNoop.perSecond)],
    ['(c) the bare SQL of one allocation', perSecond(report.sqlLimit.perSecond)],
    ['(e) HTTP intake, one event a request', perSecond(report.intake.singlePerSecond)],
    ['    HTTP intake, a hundred events a request', perSecond(report.intake.batchPerSecond)],
    ['(f) memory of the worker process at its peak', `${report.memory.maxRssMb} MiB`],
    ['embedded default: events → active assignments', perSecond(report.embedded.endToEnd.perSecond)],
    ['    BullMQ no-op jobs', perSecond(report.embedded.queueNoop.perSecond)],
    ['    memory of the worker process at its peak', `${report.embedded.memory.maxRssMb} MiB`],
  ]
  print('')
  for (const [what, figure] of lines) print(`${what.padEnd(56)} ${figure.padStart(12)}`)
  print('')
  print(
    `(d) next free address${' '.repeat(12)}${'used'.padStart(10)}${'p50 ms'.padStart(10)}${'p99 ms'.padStart(10)}`,
  )
  for (const { pool, used, p50Ms, p99Ms } of report.nextFree) {
    print(`    ${pool.padEnd(29)}${used.toLocaleString('en').padStart(10)}${fixed(p50Ms)}${fixed(p99Ms)}`)
  }
  print('')
  printComparisons(report.reconcile)
  print('')
  for (const [name, value] of Object.entries(report.conditions)) print(`${name.padEnd(14)} ${value}`)
}

/** Prints how long reconciliation took. */
export function printComparisons(figures: Comparison[]): void {
  print(`(g) addresses compared with a simulated IPmanager${'seconds'.padStart(15)}${'MiB'.padStart(8)}`)
  for (const { addresses, seconds, maxRssMb } of figures) {
    print(
      `    ${addresses.toLocaleString('en').padEnd(45)}${seconds.toFixed(1).padStart(15)}${String(maxRssMb).padStart(8)}`,
    )
  }
}

function perSecond(figure: number): string {
  return `${figure.toLocaleString('en')}/s`
}

function fixed(ms: number): string {
  return ms.toFixed(2).padStart(10)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
