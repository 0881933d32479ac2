import { createServer } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  isContention,
  isDatabaseDown,
  isUniqueViolation,
  openDatabase,
  sqlState,
} from '../../../src/db/client.ts'
import { freePort } from '../../../src/db/embedded/free-port.ts'
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts'
import { until } from '../../helpers/until.ts'

describe('An error of the database', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase()
    await database.db
      .$executeRaw`create table thing (id int primary key, name text unique, size int check (size > 0))`
  })
  afterAll(() => database.drop())

  /** What a failing piece of work throws. */
  async function errorOf(work: Promise<unknown>): Promise<unknown> {
    return work.then(
      () => {
        throw new Error('it did not fail')
      },
      error => error,
    )
  }

  const judged = (error: unknown) => ({
    state: sqlState(error),
    unique: isUniqueViolation(error),
    down: isDatabaseDown(error),
    contention: isContention(error),
  })
  const fault = { unique: false, down: false, contention: false }

  it('that is a mistake in the statement is known by its SQLSTATE, and the database is not away', async () => {
    const { db } = database
    expect(judged(await errorOf(db.$queryRaw`select from nowhere`))).toEqual({ state: '42P01', ...fault })
    expect(judged(await errorOf(db.$queryRaw`select 1 / 0`))).toEqual({ state: '22012', ...fault })
    expect(judged(await errorOf(db.$executeRaw`insert into thing values (0, 'zero', 0)`))).toEqual({
      state: '23514',
      ...fault,
    })
    expect(judged(await errorOf(db.$queryRaw`select ${'a\0b'}::text`))).toEqual({ state: '22021', ...fault })
  })

  it('that is a second row names its constraint', async () => {
    const { db } = database
    await db.$executeRaw`insert into thing values (1, 'one', 1)`
    const error = await errorOf(db.$executeRaw`insert into thing values (2, 'one', 1)`)
    expect(judged(error)).toEqual({ state: '23505', unique: true, down: false, contention: false })
    expect(isUniqueViolation(error, 'thing_name_key')).toBe(true)
    expect(isUniqueViolation(error, 'thing_pkey')).toBe(false)
  })

  it('of Prisma’s own queries is judged the same way', async () => {
    const { db } = database
    const token = { name: 'x', role: 'admin', hash: 'h' }
    await db.token.create({ data: { id: crypto.randomUUID(), ...token } })
    const error = await errorOf(db.token.create({ data: { id: crypto.randomUUID(), ...token } }))
    expect(isUniqueViolation(error)).toBe(true)
    expect(isDatabaseDown(error)).toBe(false)
  })

  it('that is a deadlock passes', async () => {
    const { db } = database
    await db.$executeRaw`insert into thing values (10, 'ten', 1), (11, 'eleven', 1)`
    let begun = 0
    const touch = (first: number, second: number) =>
      db.$transaction(async tx => {
        await tx.$executeRaw`update thing set size = size + 1 where id = ${first}`
        begun += 1
        await until('both have begun', () => begun === 2)
        await tx.$executeRaw`update thing set size = size + 1 where id = ${second}`
      })
    const outcomes = await Promise.allSettled([touch(10, 11), touch(11, 10)])
    const [victim] = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []))
    expect(judged(victim)).toEqual({ state: '40P01', unique: false, down: true, contention: true })
  })

  it('that says that the server refuses, is unreachable or hangs up is known as such', async () => {
    const refused = openDatabase(`postgres://x:x@127.0.0.1:${await freePort()}/x`)
    const silent = createServer(socket => socket.destroy())
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    const hangsUp = openDatabase(`postgres://x:x@127.0.0.1:${port}/x`)
    for (const db of [refused, hangsUp]) {
      const error = await errorOf(db.$queryRaw`select 1`)
      expect([isDatabaseDown(error), isContention(error)]).toEqual([true, false])
      await db.$disconnect()
    }
    silent.close()
  })

  it('that ends a statement in the middle is known as such', async () => {
    const db = openDatabase(database.url, { connections: 1 })
    const sleeping = errorOf(db.$queryRaw`select pg_sleep(60) as "the long sleep"`)
    const killer = new pg.Client({ connectionString: database.url })
    await killer.connect()
    await until('the sleeper was ended', async () => {
      const { rowCount } = await killer.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where query like '%the long sleep%' and pid <> pg_backend_pid() and state = 'active'`,
      )
      return rowCount
    })
    expect(isDatabaseDown(await sleeping)).toBe(true)
    await killer.end()
    expect(await db.$queryRaw`select 1 as one`).toEqual([{ one: 1 }])
    await db.$disconnect()
  })

  it.each([
    [new TypeError('x is not a function')],
    [new Error('the pool is full')],
    ['text'],
    [null],
    [undefined],
  ])('that is none of the database (%s) has no SQLSTATE, and does not say that it is away', error => {
    expect(judged(error)).toEqual({ state: undefined, ...fault })
  })
})
