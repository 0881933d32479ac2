import { execFile } from 'node:child_process'
import { access, chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { makeCluster } from '../../src/db/embedded/cluster.ts'
import { freePort } from '../../src/db/embedded/free-port.ts'
import { findPlace } from '../../src/db/embedded/place.ts'
import { launch, stop } from '../../src/db/embedded/server.ts'
import { until } from './until.ts'

const needed = ['postgres', 'initdb', 'pg_dump', 'pg_restore', 'psql']

/** A PostgreSQL of a test's own that has the tools for back-ups beside it. */
export interface DumpingPostgres {
  /** Where its tools are. */
  bin: string
  url: string
  stop(): Promise<void>
}

/**
 * The folder with the programs of a whole PostgreSQL: the embedded one comes without `pg_dump`, and one of another
 * version cannot dump it. Undefined where none is installed.
 */
async function findPrograms(): Promise<string | undefined> {
  const debian = '/usr/lib/postgresql'
  const versions = (await readdir(debian).catch(() => [])).sort((a, b) => Number(b) - Number(a))
  const asked = await promisify(execFile)('pg_config', ['--bindir']).catch(() => ({ stdout: '' }))
  for (const bin of [...versions.map(version => join(debian, version, 'bin')), asked.stdout.trim()]) {
    if (bin === '') continue
    const there = await Promise.allSettled(needed.map(program => access(join(bin, program))))
    if (there.every(({ status }) => status === 'fulfilled')) return bin
  }
  return undefined
}

/** @returns undefined where no whole PostgreSQL is installed; CI must have one */
export async function startDumpingPostgres(): Promise<DumpingPostgres | undefined> {
  const bin = await findPrograms()
  if (bin === undefined) {
    if (process.env['CI']) throw new Error('PostgreSQL with pg_dump is not installed: CI must try back-ups')
    console.warn('PostgreSQL with pg_dump is not installed: back-ups are not tried')
    return undefined
  }
  const folder = await mkdtemp(join(tmpdir(), 'ipbridge-dumping-'))
  await chmod(folder, 0o755)
  const { user } = await findPlace(folder)
  const place = { programs: dirname(bin), cluster: join(folder, 'postgres'), ...(user ? { user } : {}) }
  await makeCluster(place, 'dumping')
  const port = await freePort()
  await launch(place, join(folder, 'postgres.log'), port)
  const url = `postgres://ipbridge:dumping@127.0.0.1:${port}/postgres`
  await until('it lets somebody in', async () => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined)
    const isIn = await client.connect().then(
      () => true,
      () => false,
    )
    await client.end().catch(() => undefined)
    return isIn
  })
  return {
    bin,
    url,
    async stop() {
      await stop(place.cluster)
      await rm(folder, { recursive: true, force: true })
    },
  }
}
