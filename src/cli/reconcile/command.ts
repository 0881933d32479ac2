import type { Command } from 'commander'
import type { Standing } from '../../desk/operations.ts'
import type { PlanWithFindings } from '../../desk/reconciliations.ts'
import { IpbridgeError } from '../../errors.ts'
import { untilAtRest } from '../at-rest.ts'
import { exitCodes } from '../failure.ts'
import { say, sayJson, tableOf, write } from '../output.ts'
import { type Session, withApp } from '../session.ts'
import { tellPlan } from './plan-text.ts'
import { showComparing } from './progress.ts'
import { addExportCommand, addListCommand, addReviewCommand } from './review.ts'

interface Options {
  connection?: string
  apply?: string
  reason?: string
  json?: boolean
}

/** Comparing a million addresses takes minutes; whoever waits longer than this waits for something that hangs. */
const patienceMs = 3_600_000

/** `reconcile`: compares the ledger with the IPAMs, and applies what was reviewed. */
export function addReconcileCommand(program: Command): void {
  const reconcile = program
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
  addListCommand(reconcile)
  addReviewCommand(reconcile)
  addExportCommand(reconcile)
}

async function compare(session: Session, { connection, reason, json }: Options): Promise<void> {
  const { app, actor } = session
  const names = connection === undefined ? await allConnections(session) : [connection]
  const ids: string[] = []
  for (const name of names)
    ids.push(await app.desk.reconciliations.start(name, `operator:${actor.name}`, { actor, reason }))
  const stopShowing = showComparing(session, ids)
  const standings = await untilAtRest(session, ids, patienceMs).finally(stopShowing)
  const plans = await Promise.all(ids.map(id => app.desk.reconciliations.ofOperation(id)))
  const made = plans.filter(plan => plan !== undefined)
  if (json) await writeReports(session, made, connection === undefined)
  else for (const plan of made) tellPlan(plan)
  if (made.some(({ counts }) => Object.keys(counts).length > 0)) process.exitCode = exitCodes.differences
  if (made.some(({ state }) => state === 'stopped')) process.exitCode = exitCodes.failed
  for (const [index, name] of names.entries()) {
    refuseUnlessDone(
      name,
      standings.find(({ id }) => id === ids[index]),
    )
  }
}

/** Prints whole plans as JSON, piece by piece: `{items, next}` for all connections, else the one. */
async function writeReports({ app }: Session, plans: PlanWithFindings[], asList: boolean): Promise<void> {
  if (!asList && plans.length === 0) return sayJson(null)
  if (asList) await write('{"items":[')
  for (const [index, { id }] of plans.entries()) {
    if (index > 0) await write(',')
    for await (const piece of await app.desk.reconciliations.report(id, 'json')) await write(piece)
  }
  if (asList) await write('],"next":null}\n')
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
