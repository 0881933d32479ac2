import { Command } from 'commander'
import { addDemoCommand } from './demo.ts'
import { addDoctorCommand } from './doctor/command.ts'
import { addEventCommand } from './event.ts'
import { addLedgerCommands } from './ledger.ts'
import { addMigrateCommand } from './migrate.ts'
import { addPeopleCommands } from './people.ts'
import { addPlaceCommands } from './places.ts'
import { addReconcileCommand } from './reconcile.ts'
import { addRunCommands } from './run.ts'
import { addSecretCommand } from './secret.ts'
import { addSimulateCommand } from './simulate.ts'
import { version } from './version.ts'
import { addWebhookCommands } from './webhooks.ts'

/** The command line. It starts things and shows what they say; what they do is in the desk. */
export function createProgram(): Command {
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
  addPlaceCommands(program)
  addLedgerCommands(program)
  addWebhookCommands(program)
  addPeopleCommands(program)
  addSecretCommand(program)
  addReconcileCommand(program)
  addSimulateCommand(program)
  return program
}
