import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { vi } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { packageRoot } from '../../src/package-root.ts'
import { canaryIn, refuseCanaries } from './canaries.ts'
import { until } from './until.ts'

/** How a run of the program ended. */
export interface Ended {
  code: number | null
  out: string
  err: string
}

export interface CliOptions {
  /** The environment, and nothing of ours but the path. */
  env?: Record<string, string>
  /** What it reads from standard input. */
  input?: string
}

/** A process of ipbridge that stays. */
export interface Running {
  child: ChildProcess
  /** What it has said so far. */
  readonly out: string
  readonly err: string
  /** Waits until it has said something. */
  says(text: string): Promise<void>
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ended>
  readonly ended: Promise<Ended>
}

const main = join(packageRoot, 'dist', 'src', 'main.js')

/**
 * Runs a command inside the test's own process, which saves the second that a process takes to start. What is
 * left out is src/main.ts alone. One at a time: it borrows standard output and the environment.
 */
export async function command(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const said = { out: '', err: '' }
  const borrowed = process.env
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(text => say('out', text)),
    vi.spyOn(process.stderr, 'write').mockImplementation(text => say('err', text)),
  ]
  function say(where: 'out' | 'err', text: string | Uint8Array): boolean {
    said[where] += text
    return true
  }
  process.env = { ...env }
  try {
    const code = await runProgram(args)
    refuseCanaries(`ipbridge ${args[0]}`, said.out + said.err)
    return { code, ...said }
  } finally {
    process.env = borrowed
    process.exitCode = undefined
    for (const spy of spies) spy.mockRestore()
  }
}

/** Runs the real program, as it was built, to its end. */
export function ipbridge(args: string[], options: CliOptions = {}): Promise<Ended> {
  return startIpbridge(args, options).ended
}

/** Starts the real program. */
export function startIpbridge(args: string[], { env = {}, input }: CliOptions = {}): Running {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout?.setEncoding('utf8').on('data', text => {
    out += text
  })
  child.stderr?.setEncoding('utf8').on('data', text => {
    err += text
  })
  // Whoever refuses to read must not break the test with EPIPE.
  child.stdin?.on('error', () => undefined).end(input)
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => {
      // A simulator is there to be connected to, and says how.
      const canary = args[0] === 'simulate' ? undefined : canaryIn(out + err)
      if (canary === undefined) resolve({ code, out, err })
      else reject(new Error(`ipbridge ${args[0]} shows the secret ${canary}:\n${out}${err}`))
    })
  })
  return {
    child,
    ended,
    get out() {
      return out
    },
    get err() {
      return err
    },
    async says(text) {
      const gone = () => child.exitCode !== null || child.signalCode !== null
      await until(`it says ${JSON.stringify(text)}`, () => (out + err).includes(text) || gone(), 60_000)
      if (!(out + err).includes(text)) throw new Error(`it ended without saying ${text}:\n${out}${err}`)
    },
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return ended
    },
  }
}
