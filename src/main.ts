#!/usr/bin/env node
import { CommanderError } from 'commander'
import { exitCodes, tellFailure } from './cli/failure.ts'
import { createProgram } from './cli/program.ts'

// Whoever reads our output may stop reading (`ipbridge … | head`): then nobody wants the rest.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.failed),
)

try {
  await createProgram().parseAsync()
} catch (error) {
  // Commander has told the user already, or has printed the help that was asked for.
  if (error instanceof CommanderError)
    process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUse
  else process.exitCode = await tellFailure(error)
}
// All that had to be closed is closed; what a library forgot must not keep the process.
process.exit()
