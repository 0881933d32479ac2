import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isDatabaseDown } from '../../../src/db/client.ts'
import { openPool } from '../../../src/db/pool.ts'
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts'
import { proxyTo } from '../../helpers/proxy.ts'
import { until } from '../../helpers/until.ts'

const silenceMs = 1_000

describe('A connection to PostgreSQL', () => {
  let database: TestDatabase
  let proxy: Awaited<ReturnType<typeof proxyTo>>
  let pool: pg.Pool

  beforeEach(async () => {
    database = await createTestDatabase()
    proxy = await proxyTo(database.url)
    pool = openPool({ connectionString: proxy.url, max: 2 }, silenceMs)
    pool.on('error', () => undefined)
  })
  afterEach(async () => {
    await proxy.mend()
    await pool.end()
    await proxy.close()
    await database.drop()
  })

  const failure = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      error => error as Error,
    )

  it.each(['requests', 'answers'] as const)(
    'that loses %s is given up, and the next statement gets another one',
    async direction => {
      await pool.query('select 1')
      proxy.swallow(direction)
      const error = await failure(pool.query('select 2 as two'))
      expect(error?.message).toContain('PostgreSQL was silent')
      expect(isDatabaseDown(error)).toBe(true)
      await proxy.mend()
      expect((await pool.query('select 2 as two')).rows).toEqual([{ two: 2 }])
      expect(proxy.connections).toBe(1)
    },
  )

  it('that only listens may be as silent as it likes', async () => {
    const client = await pool.connect()
    await client.query('listen news')
    const heard: (string | undefined)[] = []
    client.on('notification', ({ payload }) => heard.push(payload))
    const since = performance.now()
    await until('it was silent for long enough', () => performance.now() - since > 2 * silenceMs)
    await pool.query(`notify news, 'at last'`)
    await until('it hears the news', () => heard.includes('at last'))
    client.release()
  })

  it('that is lost in the middle of a transaction does not keep what it had locked', async () => {
    await database.db.$executeRaw`create table thing as select 1 as n`
    const client = await pool.connect()
    client.on('error', () => undefined)
    await client.query('begin')
    await client.query('update thing set n = 2')
    proxy.swallow('requests')
    const since = performance.now()
    await database.db.$executeRaw`update thing set n = n + 10`
    expect(performance.now() - since).toBeLessThan(silenceMs * 4)
    expect(await database.db.$queryRaw`select n from thing`).toEqual([{ n: 11 }])
    client.release(true)
  })

  it('on which a statement takes too long has it ended by PostgreSQL, and goes on', async () => {
    const error = await failure(pool.query('select pg_sleep(10)'))
    expect(error).toMatchObject({ code: '57014' })
    expect((await pool.query('select 2 as two')).rows).toEqual([{ two: 2 }])
    expect(
      await failure(database.db.$executeRawUnsafe(`set statement_timeout = 100; select pg_sleep(10)`)),
    ).toSatisfy(isDatabaseDown)
  })

  it('is closed within seconds although nobody answers the goodbye', async () => {
    const other = openPool({ connectionString: proxy.url, max: 2 }, silenceMs)
    await other.query('select 1')
    proxy.freeze()
    const since = performance.now()
    await other.end()
    expect(performance.now() - since).toBeLessThan(4_000)
    await until('nothing is left of it', () => proxy.connections === 0)
  })
})
