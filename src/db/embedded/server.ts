import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'
import type { Place } from './place.ts'

/** A server process that we started. */
export interface Launch {
  isRunning(): boolean
  /** How it ended, for people. */
  end(): string
}

const run = promisify(execFile)

/** An empty lock file that is older than this belongs to no server that starts, but to a disk that was full. */
const writingMs = 5_000

/** A server that runs. */
export interface Running {
  pid: number
  port: number
}

/** Longer than a fast shutdown takes. */
const stopTimeoutMs = 30_000

/**
 * The server that runs on a cluster, whether it lets people in yet or not. A lock file that a crash
 * left is removed where PostgreSQL itself would refuse to start because of it: when another program has got the
 * process id since, and when the file is empty.
 */
export async function findRunning(cluster: string): Promise<Running | undefined> {
  const lock = join(cluster, 'postmaster.pid')
  const text = await readFile(lock, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const [pid, folder, , port] = text.split('\n')
  if (pid && folder && port) {
    if ((await commandLine(Number(pid))).includes(folder)) return { pid: Number(pid), port: Number(port) }
    await removeStale(lock, text)
  } else {
    const age = Date.now() - ((await stat(lock).catch(() => undefined))?.mtimeMs ?? Date.now())
    if (age > writingMs) await removeStale(lock, text)
  }
  return undefined
}

/** Removes a lock file that says this; another one, that a server wrote in the meantime, is put back. */
async function removeStale(lock: string, text: string): Promise<void> {
  const aside = `${lock}.${randomUUID()}`
  await rename(lock, aside).catch(() => undefined)
  const found = await readFile(aside, 'utf8').catch(() => undefined)
  if (found === text) await rm(aside)
  else if (found !== undefined) await rename(aside, lock)
}

/** What a process was started as; empty where there is none of this id. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  const found = await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(() => undefined)
  return found?.stdout ?? ''
}

/**
 * Starts the server, which outlives this process.
 * @param logFile where PostgreSQL writes what it has to say
 * @param port default: a free one
 */
export async function launch(
  { programs, cluster, user }: Place,
  logFile: string,
  port?: number,
): Promise<Launch> {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: port ?? (await freePort()),
    unix_socket_directories: '',
    // Each process takes some thirty, and several may use one server.
    max_connections: 200,
    timezone: 'UTC',
    log_min_messages: 'warning',
  }
  const log = openSync(logFile, 'a', 0o600)
  const server = spawn(
    join(programs, 'bin', 'postgres'),
    ['-D', cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...user, detached: true, stdio: ['ignore', log, log], cwd: '/' },
  )
  closeSync(log)
  let failure: Error | undefined
  server.once('error', error => {
    failure = error
  })
  server.unref()
  const isRunning = () => failure === undefined && server.exitCode === null && server.signalCode === null
  return {
    isRunning,
    end: () => failure?.message ?? `it exited with ${server.exitCode ?? server.signalCode}`,
  }
}

/**
 * Stops the server, which ends the connections that are left, and waits for its end. (`pg_ctl stop` would also wait
 * for the next one, where somebody starts that at once.)
 */
export async function stop(cluster: string): Promise<void> {
  const running = await findRunning(cluster)
  if (running === undefined) return
  // PostgreSQL's signal for a fast shutdown.
  process.kill(running.pid, 'SIGINT')
  const deadline = Date.now() + stopTimeoutMs
  while ((await findRunning(cluster))?.pid === running.pid && Date.now() < deadline) await sleep(20)
}
