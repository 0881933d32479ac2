import type { Command } from 'commander'
import { exitCodes } from './failure.ts'

/** `demo`: a fortnight of billing events, played through the real thing. */
export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('play a fortnight of billing events on a database of its own, and tell what became of them')
    .option('--file <path>', 'events of your own, one JSON object a line')
    .addHelpText(
      'after',
      `
It touches neither DATABASE_URL nor REDIS_URL nor the data folder. Exits with 0 only if everything holds that must.`,
    )
    .action(async ({ file }: { file?: string }) => {
      const { runDemo } = await import('../demo/demo.ts')
      const out = (line: string) => void process.stdout.write(`${line}\n`)
      const isFine = await runDemo({ env: process.env, out, ...(file === undefined ? {} : { file }) })
      if (!isFine) process.exitCode = exitCodes.failed
    })
}
