import { describe, expect, inject, it } from 'vitest'
import { canaries, leaksInDatabase, leaksInRedis, refuseCanaries, watchedLog } from '../helpers/canaries.ts'
import { createTestDatabase } from '../helpers/database.ts'

const [canary = ''] = canaries
/** It looks like those that are given out. */
const madeUp = `ipb_${'xY9'.repeat(14)}z`

// The search that every test ends with finds nothing: here it is shown what it would find.
describe('A secret that gets out', () => {
  it('of a table is found, and fails the test whose database it is', async () => {
    const database = await createTestDatabase()
    expect(await leaksInDatabase(database.url)).toEqual([])
    const change = { said: `login with ${canary} failed`, token: madeUp }
    await database.db.auditEntry.create({
      data: { actor: 'test', role: 'admin', action: 'connection.add', subject: 'connection:x', change },
    })
    await database.db.$executeRaw`create table bullmq.leaky as select ${canary}::text as data`
    expect((await leaksInDatabase(database.url)).sort()).toEqual([
      expect.stringMatching(/^bullmq\.leaky holds .*bill-password/),
      expect.stringMatching(/^public\.audit_entry holds .*bill-password/),
    ])
    await expect(database.drop()).rejects.toThrow(/secrets were found where none may be/)
  })

  it.skipIf(inject('redisUrl') === undefined)('of a job is found', async () => {
    const { Redis } = await import('ioredis')
    const url = `${inject('redisUrl')}?prefix=canary-test`
    const redis = new Redis(inject('redisUrl') ?? '')
    await redis.hset('canary-test:allocate:1', { data: `{"password":"${canary}"}` })
    await redis.xadd('canary-test:allocate:events', '*', 'failedReason', `${canary} was refused`)
    expect(await leaksInRedis(url)).toHaveLength(2)
    await redis.del('canary-test:allocate:1', 'canary-test:allocate:events')
    expect(await leaksInRedis(url)).toEqual([])
    redis.disconnect()
  })

  it('of the log is found, unless it was kept out of the line', () => {
    const { log, leaks } = watchedLog()
    log.info({ connection: { password: canary } }, 'kept out')
    expect(leaks).toEqual([])
    log.warn({ url: `https://x/?password=${canary}` }, 'got out')
    log.debug(madeUp)
    expect(leaks).toHaveLength(2)
  })

  it('of an answer or an output is refused', () => {
    expect(() => refuseCanaries('GET /x', 'all is well')).not.toThrow()
    expect(() => refuseCanaries('GET /x', `{"password":"${canary}"}`)).toThrow(/GET \/x shows the secret/)
  })
})
