import type { Command } from 'commander'
import type { App } from '../../app.ts'
import { exitCodes, toError } from '../failure.ts'
import { say, sayJson, shown } from '../output.ts'
import { withApp } from '../session.ts'
import { version } from '../version.ts'
import { bad, type Check, examine, ok } from './check.ts'

const oldestNode = [20, 19] as const

/** `doctor`: looks at everything that ipbridge depends on, and says what is wrong and what to do. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('look at everything that ipbridge depends on; say what is wrong and what to do')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nThe exit code is 1 when something is bad; a warning alone gives 0.')
    .action(async ({ json }: { json?: boolean }) => {
      const checks = await checkAll()
      const isWell = checks.every(({ status }) => status !== 'bad')
      if (json) sayJson({ ok: isWell, checks })
      else for (const line of linesOf(checks)) say(line)
      if (!isWell) process.exitCode = exitCodes.failed
    })
}

async function checkAll(): Promise<Check[]> {
  const checks = [checkNode(), ok('ipbridge', version)]
  try {
    return await withApp(async ({ app }) => [...checks, ...(await checkParts(app))], { migrated: false })
  } catch (error) {
    const { code, message } = await toError(error)
    // Without a database of its own there is nothing to look at but why.
    if (code === 'invalid_configuration' || code === 'interrupted') throw error
    return [...checks, bad('PostgreSQL', message, 'see the log beside it in the data folder')]
  }
}

/** The ledger is looked into only where the database answers and has what this version expects. */
async function checkParts(app: App): Promise<Check[]> {
  const [{ checkDatabase }, { checkQueue }, { checkSecrets }, { checkWork }] = await Promise.all([
    import('./database.ts'),
    import('./redis.ts'),
    import('./secrets.ts'),
    import('./work.ts'),
  ])
  const [database, queue] = await Promise.all([checkDatabase(app), checkQueue(app)])
  const outer = [...database, ...queue]
  if (database.some(({ name, status }) => status === 'bad' && name !== 'clock')) return outer
  const again = 'run it again; if it stays, LOG_LEVEL=debug says more'
  return [
    ...outer,
    ...(await examine('secrets', again, () => checkSecrets(app))),
    ...(await examine('work', again, () => checkWork(app))),
  ]
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isOld = major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])
  const found = process.versions.node
  return isOld ? bad('Node', found, 'upgrade it to version 20.19 or later') : ok('Node', found)
}

function linesOf(checks: Check[]): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length))
  const lines = checks.flatMap(({ name, status, found, todo }) => [
    `${status.padEnd(7)}  ${name.padEnd(width)}  ${shown(found)}`,
    ...(todo === undefined ? [] : [`${' '.repeat(width + 11)}what to do: ${todo}`]),
  ])
  const count = (wanted: Check['status']) => checks.filter(({ status }) => status === wanted).length
  return [...lines, '', `${count('bad')} bad, ${count('warning')} to look at, ${count('ok')} well`]
}
