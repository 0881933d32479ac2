import { Readable } from 'node:stream'
import type { Command } from 'commander'
import { openInput } from './input.ts'
import { withApp } from './session.ts'
import { type TakeOverFlags, takeOver } from './take-over.ts'

/** `import`: takes over the services and addresses that another system has now. */
export function addImportCommand(program: Command): void {
  const group = program
    .command('import')
    .description('take over services and addresses from another system; exits with 3 when something was not')
  group
    .command('csv')
    .description('from a CSV file: one line an address')
    .argument('<file>', 'the file; - is standard input')
    .option('--apply', 'write it; without, this only says what would be written')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
The first line names the columns: service, kind, client, domain, server, and as far as they are known guest, address,
ptr and order. Lines of one service stand together. docs/guides/import.md says more.`,
    )
    .action(importCsv)
  group
    .command('billmanager')
    .description('from a BILLmanager: its live services with their addresses and PTRs')
    .argument('<name>', 'as `ipbridge billing list` shows it')
    .option('--apply', 'write it; without, this only says what would be written')
    .option('--json', 'print JSON')
    .action(importBilling)
}

async function importCsv(file: string, flags: TakeOverFlags): Promise<void> {
  const { stream, bytes } = await openInput(file)
  await withApp(async session => {
    const { servicesOfCsv } = await import('../billing/csv-services.ts')
    let read = 0
    async function* counted() {
      for await (const chunk of stream) {
        read += chunk.length
        yield chunk
      }
    }
    const text = Readable.from(counted(), { signal: session.signal })
    await takeOver(
      session,
      { total: bytes, read: () => read, services: leaveOut => servicesOfCsv(text, leaveOut) },
      flags,
    )
  })
}

async function importBilling(name: string, flags: TakeOverFlags): Promise<void> {
  await withApp(async session => {
    const { app, signal } = session
    const core = await app.desk.billings.core(name)
    let read = 0
    async function* counted(leaveOut: Parameters<typeof core.services>[0]) {
      for await (const service of core.services(leaveOut, signal)) {
        read += 1
        yield service
      }
    }
    await takeOver(session, { total: await core.count(signal), read: () => read, services: counted }, flags)
  })
}
