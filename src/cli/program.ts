import { Command, CommanderError } from 'commander'
import { addBillingCommands } from './billing.ts'
import { addDemoCommand } from './demo.ts'
import { addDoctorCommand } from './doctor/command.ts'
import { addEventCommand } from './event.ts'
import { exitCodes, tellFailure } from './failure.ts'
import { addImportCommand } from './import.ts'
import { addLedgerCommands } from './ledger.ts'
import { addMigrateCommand } from './migrate.ts'
import { addPeopleCommands } from './people.ts'
import { addPlaceCommands } from './places.ts'
import { addReconcileCommand } from './reconcile/command.ts'
import { addRunCommands } from './run.ts'
import { addSecretCommand } from './secret.ts'
import { addSimulateCommand } from './simulate.ts'
import { version } from './version.ts'
import { addWebhookCommands } from './webhooks.ts'

/**
 * Runs one command to its end. What went wrong is told on standard error, in words.
 * @param args without the names of the interpreter and the program
 * @returns the exit code
 */
export async function runProgram(args: string[]): Promise<number> {
  process.exitCode = exitCodes.done
  try {
    await createProgram().parseAsync(args, { from: 'user' })
    return Number(process.exitCode)
  } catch (error) {
    if (!(error instanceof CommanderError)) return await tellFailure(error)
    // Commander has told the user already, or has printed the help that was asked for.
    return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUse
  }
}

/** The command line. It starts things and shows what they say; what they do is in the desk. */
function createProgram(): Command {
  const program = new Command('ipbridge')
    .description('Joins billing to IP address management: events become addresses.')
    .version(version)
    .exitOverride()
    .showHelpAfterError()
    .helpCommand(true)
  addRunCommands(program)
  addMigrateCommand(program)
  addDemoCommand(program)
  addDoctorCommand(program)
  addEventCommand(program)
  addImportCommand(program)
  addPlaceCommands(program)
  addLedgerCommands(program)
  addWebhookCommands(program)
  addBillingCommands(program)
  addPeopleCommands(program)
  addSecretCommand(program)
  addReconcileCommand(program)
  addSimulateCommand(program)
  return program
}
