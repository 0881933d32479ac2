import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Decision } from '../../db/reconciliations.ts'
import { type ReportFormat, reportFormats } from '../../desk/reports.ts'
import { AddressError, canonicalAddress } from '../../domain/address.ts'
import { type FindingClass, findingClasses } from '../../domain/findings.ts'
import { say, sayJson, write } from '../output.ts'
import { withApp } from '../session.ts'
import { tellPlan } from './plan-text.ts'

type Which = Omit<Decision, 'decision'>

interface ReviewOptions {
  ignore?: Which[]
  accept?: Which[]
  reason?: string
}

/** `reconcile review`: says which findings of a plan shall be applied. */
export function addReviewCommand(reconcile: Command): void {
  reconcile
    .command('review')
    .description('say which findings of a plan shall be applied; it has another hash afterwards')
    .argument('<plan>', 'its hash or id')
    .option(
      '--ignore <what...>',
      'classes, addresses or ids of findings that are left alone until they change',
      collect,
    )
    .option('--accept <what...>', 'classes, addresses or ids of findings that are applied after all', collect)
    .option('--reason <text>', 'why; it stands in the audit')
    .option('--json', 'print JSON')
    .action((plan: string, own: ReviewOptions, command: Command) => {
      // What the command above takes too, it takes first.
      const { reason, json } = command.optsWithGlobals<{ reason?: string; json?: boolean }>()
      const decisions: Decision[] = [
        ...(own.ignore ?? []).map(which => ({ ...which, decision: 'ignore' as const })),
        ...(own.accept ?? []).map(which => ({ ...which, decision: 'accept' as const })),
      ]
      if (decisions.length === 0) command.error('error: say what to --ignore or to --accept')
      return withApp(async ({ app, actor }) => {
        const id = await app.desk.reconciliations.review(actor, plan, decisions, reason)
        const reviewed = await app.desk.reconciliations.show(id)
        if (json) sayJson(reviewed)
        else tellPlan(reviewed)
      })
    })
}

/** `reconcile export`: a whole report as a file. */
export function addExportCommand(reconcile: Command): void {
  reconcile
    .command('export')
    .description('write a whole report, with what is gone since the run before')
    .argument('<plan>', 'its hash, or the id of the run')
    .addOption(new Option('--format <format>', 'how').choices([...reportFormats]).default('json'))
    .option('--output <file>', 'where to; default: standard output')
    .action((which: string, { format, output }: { format: ReportFormat; output?: string }) =>
      withApp(async ({ app, signal }) => {
        const report = await app.desk.reconciliations.report(which, format)
        if (output === undefined) for await (const piece of report) await write(piece)
        else await pipeline(Readable.from(report), createWriteStream(output, { flags: 'wx' }), { signal })
      }),
    )
}

/** `reconcile list`: the runs, newest first. */
export function addListCommand(reconcile: Command): void {
  reconcile
    .command('list')
    .description('list the latest runs, newest first')
    .action((_: object, command: Command) => {
      const { connection, json } = command.optsWithGlobals<{ connection?: string; json?: boolean }>()
      return withApp(async ({ app }) => {
        const page = await app.desk.reconciliations.list({ connection, limit: 30 })
        if (json) return sayJson(page)
        if (page.items.length === 0) return say('none')
        for (const plan of page.items) {
          const counts = Object.entries(plan.counts).map(([name, count]) => `${count} ${name}`)
          const text = counts.length === 0 ? 'no differences' : counts.join(', ')
          say(
            `${plan.createdAt.toISOString()}  ${plan.id}  ${plan.connection}  ${plan.state}  ${plan.hash ?? '-'}  ${text}`,
          )
        }
      })
    })
}

function collect(text: string, before: Which[] | undefined): Which[] {
  return [...(before ?? []), whichOf(text)]
}

function whichOf(text: string): Which {
  if ((findingClasses as readonly string[]).includes(text)) return { class: text as FindingClass }
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return { finding: text }
  try {
    return { address: canonicalAddress(text) }
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw new InvalidArgumentError(
      `It takes the id of a finding, an address, or one of ${findingClasses.join(', ')}.`,
    )
  }
}
