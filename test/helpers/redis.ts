import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '../../src/db/embedded/free-port.ts'

export interface TestRedis {
  url: string
  port: number
  stop(): Promise<void>
}

/** Starts a Redis of its own. @returns undefined where redis-server is not installed */
export async function startRedis(extra: string[] = [], port?: number): Promise<TestRedis | undefined> {
  const options = ['--bind', '127.0.0.1', '--save', '', '--maxmemory-policy', 'noeviction']
  return start(folder => [...options, '--dir', folder, ...extra], port)
}

/** Starts a sentinel that watches a master under a name. */
export async function startSentinel(name: string, master: TestRedis): Promise<TestRedis | undefined> {
  return start(async folder => {
    const file = join(folder, 'sentinel.conf')
    await writeFile(file, `sentinel monitor ${name} 127.0.0.1 ${master.port} 1\n`)
    return [file, '--sentinel']
  })
}

async function start(
  options: (folder: string) => string[] | Promise<string[]>,
  port?: number,
): Promise<TestRedis | undefined> {
  const chosen = port ?? (await freePort())
  const folder = await mkdtemp(join(tmpdir(), 'ipbridge-redis-'))
  const server = spawn('redis-server', [...(await options(folder)), '--port', `${chosen}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ready = new Promise<boolean>(resolve => {
    server.once('error', () => resolve(false))
    server.once('exit', () => resolve(false))
    createInterface({ input: server.stdout }).on('line', line => {
      if (line.includes('Ready to accept connections') || line.includes('Sentinel ID')) resolve(true)
    })
  })
  if (!(await ready)) return undefined
  return {
    port: chosen,
    url: `redis://127.0.0.1:${chosen}`,
    async stop() {
      const gone = once(server, 'exit')
      if (server.exitCode === null && server.kill('SIGKILL')) await gone
      await rm(folder, { recursive: true, force: true })
    },
  }
}
