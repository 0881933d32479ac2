import type { Command } from 'commander'
import { exitCodes } from './failure.ts'
import { say, shown } from './output.ts'
import { withApp } from './session.ts'

/** `secret rotate`: after a new key was put first in IPBRIDGE_SECRET (docs/reference/configuration.md). */
export function addSecretCommand(program: Command): void {
  program
    .command('secret')
    .description('how stored credentials are sealed')
    .command('rotate')
    .description('seal every stored credential anew, with the first key of IPBRIDGE_SECRET')
    .option('--reason <text>', 'why; it stands in the audit')
    .action(({ reason }: { reason?: string }) =>
      withApp(async ({ app, actor }) => {
        const { sealed, unreadable } = await app.desk.seals.rotate(actor, reason)
        say(`${sealed} sealed anew`)
        for (const secret of unreadable)
          say(`${shown(secret)}: no key of IPBRIDGE_SECRET opens it; enter it anew`)
        if (unreadable.length > 0) process.exitCode = exitCodes.failed
      }),
    )
}
