import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Transaction } from '../../src/db/client.ts'
import { failureOf } from '../contract/failures.ts'
import { openPools, type Pools } from '../helpers/pools.ts'

describe('A pool whose free addresses are in other hands at this moment', () => {
  let ipam: Pools
  beforeAll(async () => {
    ipam = await openPools()
  })
  afterAll(() => ipam.close())
  beforeEach(async () => {
    await ipam.db.poolAddress.deleteMany()
    await ipam.db.pool.deleteMany()
    await ipam.add({ name: 'p', cidr: '192.0.2.0/29' })
  })

  /** Runs `work` while another transaction, which is given up afterwards, has done `first`. */
  async function during<T>(first: (tx: Transaction) => Promise<unknown>, work: () => Promise<T>): Promise<T> {
    let result: { value: T } | undefined
    const givenUp = new Error('given up')
    await ipam.db
      .$transaction(async tx => {
        await first(tx)
        result = { value: await work() }
        throw givenUp
      })
      .catch(error => {
        if (error !== givenUp) throw error
      })
    if (result === undefined) throw new Error('the work did not end')
    return result.value
  }

  it.each([
    ['is locked', 'select from pool_free for update'],
    ['was just taken', 'delete from pool_free'],
    [
      'belongs to a pool that is being changed',
      'select pg_advisory_xact_lock(builtin_lock_of(id)) from pool',
    ],
  ])('is called busy, not full, when every range %s', async (_, lock) => {
    const impatient = ipam.another({ busyMs: 100 })
    const refusal = await during(
      tx => tx.$executeRawUnsafe(lock),
      () => failureOf(impatient.take()),
    )
    expect(refusal).toMatchObject({ code: 'ipam_busy', retry: 'later' })
    expect((await impatient.take()).pool).toBe('p')
  })

  it('is called busy, not full, when somebody else is moving the addresses whose quarantine is over', async () => {
    const taken = await Promise.all(Array.from({ length: 6 }, () => ipam.take()))
    await ipam.db.pool.update({ where: { name: 'p' }, data: { quarantineSeconds: 60 } })
    for (const held of taken) await ipam.release(held)
    for (const { address } of taken) await ipam.endQuarantine(address)
    const impatient = ipam.another({ busyMs: 100 })
    const refusal = await during(
      tx => tx.$executeRaw`select from pool_address where state = 'quarantined' for update`,
      () => failureOf(impatient.take()),
    )
    expect(refusal).toMatchObject({ code: 'ipam_busy' })
    expect((await impatient.take()).pool).toBe('p')
  })

  it('is called full when it is', async () => {
    await Promise.all(Array.from({ length: 6 }, () => ipam.take()))
    expect(await failureOf(ipam.take())).toMatchObject({ code: 'pool_exhausted' })
  })

  it('serves whoever waits for it to be given up', async () => {
    const patient = ipam.another()
    const waiting = await during(
      tx => tx.$executeRaw`select from pool_free for update`,
      async () => ({ taken: patient.take() }),
    )
    expect((await waiting.taken).pool).toBe('p')
  })

  it('tells of the others that became free when a request ends their quarantine', async () => {
    const taken = await Promise.all(Array.from({ length: 6 }, () => ipam.take()))
    await ipam.db.pool.update({ where: { name: 'p' }, data: { quarantineSeconds: 60 } })
    for (const held of taken) await ipam.release(held)
    for (const { address } of taken) await ipam.endQuarantine(address)
    ipam.spaces.length = 0
    await ipam.take()
    expect(ipam.spaces).toEqual([{ connection: ipam.connection.id, family: 4, pool: 'p', count: 6 }])
  })
})
