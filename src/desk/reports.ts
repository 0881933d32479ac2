import { stringify as csvOf } from 'csv-stringify/sync'
import type { Db } from '../db/client.ts'
import { IpbridgeError } from '../errors.ts'
import { type FindingFilter, type FindingView, readFindings } from './findings.ts'
import type { Page } from './paging.ts'
import { isRun, type PlanView, readPlans } from './reconciliations.ts'

export const reportFormats = ['csv', 'json'] as const
export type ReportFormat = (typeof reportFormats)[number]

/** How many findings are read at once for an export. */
const pageSize = 1_000

/** The columns of a report as CSV. */
const csvColumns = [
  'class',
  'address',
  'service',
  'change',
  'streak',
  'decision',
  'action',
  'note',
  'operation',
  'ours',
  'theirs',
] as const

/** What runs found, in pages or as a file. Reports are kept. */
export function reportDesk({ db }: { db: Db }) {
  async function planOf(which: string): Promise<PlanView> {
    const [plan] = await readPlans(db, isRun(which), 1)
    if (plan === undefined) throw new IpbridgeError('not_found', `there is no reconciliation ${which}`)
    return plan
  }

  /** All findings of a plan, or those that are gone since the run before. */
  async function* allFindings(id: string, change: 'gone' | undefined): AsyncGenerator<FindingView[]> {
    for (let cursor: string | undefined; ; ) {
      const { items, next } = await readFindings(db, id, { limit: pageSize, cursor, change })
      if (items.length > 0) yield items
      if (next === null) return
      cursor = next
    }
  }

  async function* asCsv(plan: PlanView): AsyncGenerator<string> {
    yield csvOf([[...csvColumns]])
    for (const change of [undefined, 'gone'] as const) {
      for await (const findings of allFindings(plan.id, change)) {
        yield csvOf(
          findings.map(finding => csvColumns.map(column => finding[column])),
          // What a panel holds may look like a formula to a spreadsheet.
          { cast: { object: value => JSON.stringify(value) }, escape_formulas: true },
        )
      }
    }
  }

  async function* asJson(plan: PlanView): AsyncGenerator<string> {
    const head = JSON.stringify(plan)
    yield head.slice(0, -1)
    for (const [name, change] of [
      ['findings', undefined],
      ['gone', 'gone'],
    ] as const) {
      let separator = `,"${name}":[\n`
      for await (const findings of allFindings(plan.id, change)) {
        yield separator + findings.map(finding => JSON.stringify(finding)).join(',\n')
        separator = ',\n'
      }
      yield separator === ',\n' ? ']' : `${separator}]`
    }
    yield '}\n'
  }

  return {
    /** The findings of a run in pages, by address. @throws not_found */
    async findings(id: string, filter: FindingFilter): Promise<Page<FindingView>> {
      const plan = await planOf(id)
      return readFindings(db, plan.id, filter)
    },

    /**
     * A report as a file, piece by piece, so that a large one takes no memory.
     * @param which the id of the run, or the hash of its plan
     * @throws not_found
     */
    async report(which: string, format: ReportFormat): Promise<AsyncIterable<string>> {
      const plan = await planOf(which)
      return format === 'csv' ? asCsv(plan) : asJson(plan)
    },
  }
}

export type ReportDesk = ReturnType<typeof reportDesk>
