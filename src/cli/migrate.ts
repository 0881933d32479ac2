import type { Command } from 'commander'
import { withApp } from './session.ts'

/** `migrate`: brings the database up to date. */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('bring the database up to date; safe to repeat, and for many at once')
    .addHelpText(
      'after',
      `
All missing migrations are applied in one transaction, or none. The embedded database is brought up to date by
whichever command opens it; a database of your own only by this one.`,
    )
    .action(() =>
      withApp(
        async ({ app }) => {
          const applied = await app.migrate()
          const lines =
            applied.length === 0 ? ['the database is up to date'] : applied.map(name => `applied ${name}`)
          process.stdout.write(`${lines.join('\n')}\n`)
        },
        { migrated: false },
      ),
    )
}
