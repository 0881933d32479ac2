#!/usr/bin/env node
import { exitCodes } from './cli/failure.ts'
import { runProgram } from './cli/program.ts'

// Whoever reads our output may stop reading (`ipbridge … | head`): then nobody wants the rest.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.failed),
)

// All that had to be closed is closed by then; what a library forgot must not keep the process.
process.exit(await runProgram(process.argv.slice(2)))
