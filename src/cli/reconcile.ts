import type { Command } from 'commander'
import type { FindingView } from '../desk/findings.ts'
import type { Standing } from '../desk/operations.ts'
import type { PlanWithFindings } from '../desk/reconciliations.ts'
import { IpbridgeError } from '../errors.ts'
import { untilAtRest } from './at-rest.ts'
import { exitCodes } from './failure.ts'
import { say, sayJson, shown, tableOf } from './output.ts'
import { type Session, withApp } from './session.ts'

interface Options {
  connection?: string
  apply?: string
  reason?: string
  json?: boolean
}

/** Comparing a million addresses takes minutes; whoever waits longer than this waits for something that hangs. */
const patienceMs = 3_600_000

/** More findings than a person reads; `--json` has them all. */
const mostShown = 200

/** `reconcile`: compares the ledger with the IPAMs, and applies what was reviewed. */
export function addReconcileCommand(program: Command): void {
  program
    .command('reconcile')
    .description(
      'compare the ledger with the IPAMs and print the plan; exits with 3 when there are differences',
    )
    .option('--connection <name>', 'this one only (default: all of them)')
    .option('--apply <hash>', 'do what the plan with this hash says; refused where the world has moved since')
    .option('--reason <text>', 'why; it stands in the audit')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Nothing is changed without --apply. When no worker takes the work up, it is done here.`,
    )
    .action((options: Options) =>
      withApp(session =>
        options.apply === undefined ? compare(session, options) : apply(session, options, options.apply),
      ),
    )
}

async function compare(session: Session, { connection, reason, json }: Options): Promise<void> {
  const { app, actor } = session
  const names = connection === undefined ? await allConnections(session) : [connection]
  const ids: string[] = []
  for (const name of names)
    ids.push(await app.desk.reconciliations.start(name, `operator:${actor.name}`, { actor, reason }))
  const standings = await untilAtRest(session, ids, patienceMs)
  const plans = await Promise.all(ids.map(id => app.desk.reconciliations.ofOperation(id)))
  const made = plans.filter(plan => plan !== undefined)
  if (json) sayJson(connection === undefined ? { items: made, next: null } : (made[0] ?? null))
  else for (const plan of made) tellPlan(plan)
  if (made.some(({ findings }) => findings.length > 0)) process.exitCode = exitCodes.differences
  if (made.some(({ state }) => state === 'stopped')) process.exitCode = exitCodes.failed
  for (const [index, name] of names.entries()) {
    refuseUnlessDone(
      name,
      standings.find(({ id }) => id === ids[index]),
    )
  }
}

async function allConnections({ app }: Session): Promise<string[]> {
  const names: string[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await app.desk.connections.list({ cursor })
    names.push(...page.items.map(({ name }) => name))
    if (page.next === null) return names
    cursor = page.next
  }
}

function tellPlan({ connection, hash, state, compared, remark, findings, counts }: PlanWithFindings): void {
  const text = Object.entries(counts).map(([name, count]) => `${count} ${name}`)
  say(
    `${connection}: ${compared} addresses compared, ${text.length === 0 ? 'no differences' : text.join(', ')}`,
  )
  if (remark !== null) say(`  ${shown(remark)}`)
  if (findings.length === 0) return
  const lines = tableOf<FindingView>(findings.slice(0, mostShown), {
    FINDING: finding => finding.class,
    ADDRESS: finding => finding.address,
    SERVICE: finding => finding.service,
    ACTION: finding => finding.action,
    OURS: finding => finding.ours,
    THEIRS: finding => finding.theirs,
  })
  for (const line of lines) say(`  ${line}`)
  if (findings.length > mostShown) say(`  … and ${findings.length - mostShown} more: --json prints all`)
  if (state === 'planned') say(`  to apply it: ipbridge reconcile --apply ${hash}`)
}

function refuseUnlessDone(connection: string, standing: Standing | undefined): void {
  if (standing?.state === 'done') return
  const why = standing?.error
    ? `${standing.error.code}: ${standing.error.message}`
    : 'it has not ended in time'
  throw new IpbridgeError(
    'unavailable',
    `${connection} could not be compared (operation ${standing?.id} is ${standing?.state}): ${why}`,
  )
}

async function apply(session: Session, options: Options, hash: string): Promise<void> {
  const { app, actor, signal } = session
  const which = options.connection === undefined ? hash : await planOf(session, options.connection, hash)
  const { operations } = await app.desk.reconciliations.apply(actor, which, signal, options.reason)
  const standings = await untilAtRest(session, operations, patienceMs)
  if (standings.some(({ state }) => state !== 'done' && state !== 'superseded'))
    process.exitCode = exitCodes.failed
  if (options.json) return sayJson({ operations: standings })
  if (standings.length === 0) return say('the plan wants nothing done')
  const lines = tableOf(standings, {
    OPERATION: standing => standing.id,
    STATE: standing => standing.state,
    ERROR: ({ error }) => error && `${error.code}: ${error.message}`,
  })
  for (const line of lines) say(line)
}

/** The id of a connection's newest plan, which must have this hash. */
async function planOf({ app }: Session, connection: string, hash: string): Promise<string> {
  const { items } = await app.desk.reconciliations.list({ connection })
  const plan = items.find(item => item.hash === hash)
  if (plan) return plan.id
  throw new IpbridgeError('not_found', `connection ${connection} has no recent plan ${hash}`)
}
