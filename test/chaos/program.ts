import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../helpers/until.ts'

export interface ProgramOptions {
  name: string
  command: string
  args: string[]
  env: Record<string, string>
  /** Where it says what it has to say. */
  log: string
}

export type Program = ReturnType<typeof keepRunning>

/** How long a program stays away that ended by itself, as a supervisor of services would have it. */
const pauseMs = 300

/** Keeps a program running: whenever it ends, it is started again, until it is told to stop for good. */
export function keepRunning({ name, command, args, env, log }: ProgramOptions) {
  let child: ChildProcess | undefined
  let isOver = false
  const lasting = live()

  async function live(): Promise<void> {
    while (!isOver) {
      const output = openSync(log, 'a')
      const one = spawn(command, args, {
        env: { PATH: process.env['PATH'] ?? '', ...env },
        stdio: ['ignore', output, output],
      })
      closeSync(output)
      const gone = once(one, 'exit')
      child = one
      await gone
      child = undefined
      if (!isOver) await sleep(pauseMs)
    }
  }

  /** The process, as soon as there is one. */
  const present = () => until(`${name} runs`, () => child, 60_000)

  return {
    name,

    /** Sends a signal that ends it, and waits for its end. */
    async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
      const one = await present()
      const gone = once(one, 'exit')
      if (one.kill(signal)) await gone
    },

    /** Freezes it for a while, and lets it go on as if nothing had been. */
    async freeze(ms: number): Promise<void> {
      const one = await present()
      one.kill('SIGSTOP')
      await sleep(ms)
      one.kill('SIGCONT')
    },

    /** Ends it for good. */
    async stop(): Promise<void> {
      isOver = true
      child?.kill('SIGCONT')
      child?.kill('SIGKILL')
      await lasting
    },
  }
}
