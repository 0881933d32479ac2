import { spawn } from 'node:child_process'
import { chmod, chown, mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config.ts'
import { findPlace } from '../../../src/db/embedded/place.ts'
import { openEmbeddedPostgres, removeEmbeddedPostgres } from '../../../src/db/embedded/postgres.ts'
import { createLog } from '../../../src/log.ts'
import { createDataFolder, endOf, startServerUser } from '../../helpers/embedded.ts'
import { until } from '../../helpers/until.ts'

const isRoot = process.getuid?.() === 0

describe('the embedded PostgreSQL', { timeout: 120_000 }, () => {
  let data: Awaited<ReturnType<typeof createDataFolder>>
  beforeEach(async () => {
    data = await createDataFolder()
  })
  afterEach(() => data.remove())

  /** Starts and stops it once, so that there is a database. */
  async function initialise(): Promise<string> {
    const server = await openEmbeddedPostgres(data.folder)
    await server.release()
    return data.cluster()
  }

  it('is started once by many who come at the same moment, and stopped by the last who leaves', async () => {
    const users = await Promise.all([1, 2, 3].map(() => startServerUser(data.folder)))
    expect(new Set(users.map(user => user.url)).size).toBe(1)
    expect((await readdir(data.folder)).filter(name => name.includes('.new'))).toEqual([])
    const [first, ...others] = users
    await first?.leave()
    expect(await data.isRunning()).toBe(true)
    await Promise.all(others.map(user => user.leave()))
    expect(await data.isRunning()).toBe(false)
  })

  it('forgets a user that was killed', async () => {
    const [killed, other] = await Promise.all([startServerUser(data.folder), startServerUser(data.folder)])
    const { client, users } = await watch(other.url)
    await killed.leave('SIGKILL')
    await until('the server has noticed', async () => (await users()) === 1)
    await client.end()
    await other.leave()
    expect(await data.isRunning()).toBe(false)
  })

  /** Connects, without being a user, and counts those who are. */
  async function watch(url: string) {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined)
    await client.connect()
    const locks = `select count(*)::int as users from pg_locks where locktype = 'advisory' and objsubid = 2 and granted`
    return { client, users: async (): Promise<number> => (await client.query(locks)).rows[0].users }
  }

  it('is there for whoever comes while the last one leaves', async () => {
    for (let round = 0; round < 5; round++) {
      const leaving = await openEmbeddedPostgres(data.folder)
      const [coming] = await Promise.all([openEmbeddedPostgres(data.folder), leaving.release()])
      const client = new pg.Client({ connectionString: coming.url })
      await client.connect()
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
      await client.end()
      await coming.release()
    }
  })

  it('keeps a user whose connection the server ended', async () => {
    const [staying, leaving] = [await openEmbeddedPostgres(data.folder), await startServerUser(data.folder)]
    const { client, users } = await watch(staying.url)
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%user of%'`,
    )
    await until('both are back', async () => (await users()) === 2)
    await client.end()
    await leaving.leave()
    expect(await data.isRunning()).toBe(true)
    await staying.release()
    expect(await data.isRunning()).toBe(false)
  })

  it('is started again, at the same port, by those who use it when it was killed', async () => {
    const [first, second] = [await openEmbeddedPostgres(data.folder), await startServerUser(data.folder)]
    process.kill(Number((await data.lockFile()).split('\n')[0]), 'SIGKILL')
    const { client, users } = await until('it answers', () => watch(first.url).catch(() => undefined))
    await until('both use it again', async () => (await users()) === 2)
    await client.end()
    await second.leave()
    await first.release()
    expect(await data.isRunning()).toBe(false)
  })

  it('starts although the process id of a server that crashed is that of another program now', async () => {
    const cluster = await initialise()
    const { user } = await findPlace(data.folder)
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], {
      ...user,
      cwd: '/',
      stdio: 'ignore',
    })
    try {
      await crashed(cluster, [other.pid, cluster, 1, 5432, '', '127.0.0.1', '', 'ready', ''].join('\n'))
      await openEmbeddedPostgres(data.folder).then(server => server.release())
    } finally {
      other.kill()
      await endOf(other)
    }
  })

  it('starts although a full disk left the lock file empty', async () => {
    const cluster = await initialise()
    await crashed(cluster, '')
    await utimes(join(cluster, 'postmaster.pid'), 1, 1)
    await openEmbeddedPostgres(data.folder).then(server => server.release())
  })

  /** Leaves the lock file as a crash would. */
  async function crashed(cluster: string, lock: string): Promise<void> {
    const file = join(cluster, 'postmaster.pid')
    await writeFile(file, lock, { mode: 0o600 })
    const { uid, gid } = await stat(cluster)
    await chown(file, uid, gid)
  }

  it('is waited for, not started again, while all of its connections are taken', async () => {
    const server = await openEmbeddedPostgres(data.folder)
    const before = await data.lockFile()
    const taken: pg.Client[] = []
    while (await connects(taken, server.url));
    const coming = openEmbeddedPostgres(data.folder)
    await taken.pop()?.end()
    const second = await coming
    expect(second.url).toBe(server.url)
    expect(await data.lockFile()).toBe(before)
    await Promise.all(taken.map(client => client.end()))
    await second.release()
    await server.release()
  })

  async function connects(taken: pg.Client[], url: string): Promise<boolean> {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined)
    try {
      await client.connect()
      taken.push(client)
      return true
    } catch {
      return false
    }
  }

  it('is stopped when ipbridge cannot be built on it', async () => {
    await writeFile(join(data.folder, 'secret'), 'not a key')
    const config = loadConfig({ IPBRIDGE_DATA_DIR: data.folder, LOG_LEVEL: 'silent' })
    await expect(createApp(config, createLog('silent'))).rejects.toMatchObject({
      code: 'invalid_configuration',
    })
    expect(await data.isRunning()).toBe(false)
  })

  it('says where to read on when it cannot start', async () => {
    const cluster = await initialise()
    await writeFile(join(cluster, 'postgresql.conf'), 'no_such_setting = 1\n')
    await expect(openEmbeddedPostgres(data.folder)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`see ${join(data.folder, 'postgres.log')}`),
    })
  })

  describe.runIf(isRoot)('started by root', () => {
    it('starts under a strict umask, in a folder that others cannot reach', async () => {
      const before = process.umask(0o077)
      const closed = await createDataFolder(0o700)
      try {
        await openEmbeddedPostgres(closed.folder).then(server => server.release())
        const cluster = await closed.cluster()
        await closed.remove()
        await expect(stat(dirname(cluster))).rejects.toMatchObject({ code: 'ENOENT' })
      } finally {
        process.umask(before)
        await closed.remove()
      }
    })

    it('finds its database again when the data folder was closed to others, or opened', async () => {
      const closed = await createDataFolder(0o700)
      await openEmbeddedPostgres(closed.folder).then(server => server.release())
      const cluster = await closed.cluster()
      await chmod(closed.folder, 0o755)
      expect(await closed.cluster()).toBe(cluster)
      await closed.remove()
    })
  })
})

describe('a data folder that is removed', () => {
  it('leaves nothing behind', async () => {
    const data = await createDataFolder()
    await openEmbeddedPostgres(data.folder).then(server => server.release())
    const cluster = await data.cluster()
    await removeEmbeddedPostgres(data.folder)
    await mkdir(data.folder)
    expect(await data.cluster()).toBe(cluster)
    expect(await readdir(data.folder)).toEqual([])
    await rm(data.folder, { recursive: true })
  })
})
