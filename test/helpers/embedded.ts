import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPlace } from '../../src/db/embedded/place.ts'
import { openEmbeddedPostgres, removeEmbeddedPostgres } from '../../src/db/embedded/postgres.ts'
import { findRunning } from '../../src/db/embedded/server.ts'
import { packageRoot } from '../../src/package-root.ts'

const script = `
  import { openEmbeddedPostgres } from ${JSON.stringify(join(packageRoot, 'dist/src/db/embedded/postgres.js'))}
  const server = await openEmbeddedPostgres(process.argv[1])
  process.on('SIGTERM', () => server.release())
  console.log(server.url)
`

/** A process of its own that uses the embedded PostgreSQL of a folder. */
export interface ServerUser {
  url: string
  /** Lets go of the server and ends; or ends as the signal makes it. */
  leave(signal?: NodeJS.Signals): Promise<void>
}

/** Starts a process that uses the embedded PostgreSQL, and waits until it may. */
export async function startServerUser(dataDir: string): Promise<ServerUser> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, dataDir], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', text => {
    complaint += text
  })
  const gone = endOf(child)
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()))
    gone.then(() => reject(new Error(`it ended: ${complaint}`)), reject)
  })
  return {
    url,
    async leave(signal = 'SIGTERM') {
      child.kill(signal)
      await gone
    },
  }
}

export function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve())
  })
}

/** A data folder of a test's own, in which nothing is yet. */
export async function createDataFolder(mode = 0o755) {
  const folder = await mkdtemp(join(tmpdir(), 'ipbridge-embedded-'))
  await chmod(folder, mode)
  return {
    folder,
    /** Where its database is. */
    cluster: async () => (await findPlace(folder)).cluster,
    isRunning: async () => (await findRunning((await findPlace(folder)).cluster)) !== undefined,
    lockFile: async () => readFile(join((await findPlace(folder)).cluster, 'postmaster.pid'), 'utf8'),
    /** Stops whatever still runs there and removes all of it. */
    async remove() {
      if ((await findRunning((await findPlace(folder)).cluster)) !== undefined) {
        const server = await openEmbeddedPostgres(folder)
        await server.release()
      }
      await removeEmbeddedPostgres(folder)
    },
  }
}
