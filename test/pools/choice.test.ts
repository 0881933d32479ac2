import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failureOf } from '../contract/failures.ts'
import { faultsInBooks, openPools, type Pools } from '../helpers/pools.ts'

describe('The built-in IPAM', () => {
  let ipam: Pools
  beforeAll(async () => {
    ipam = await openPools()
  })
  afterAll(() => ipam.close())
  beforeEach(async () => {
    await ipam.db.poolAddress.deleteMany()
    await ipam.db.pool.deleteMany()
  })

  /** Everything that the pools hand out. */
  async function takeAll(family: 4 | 6 = 4): Promise<string[]> {
    const addresses: string[] = []
    for (;;) {
      const record = await ipam.take({ family }).catch(() => undefined)
      if (record === undefined) return addresses.sort()
      addresses.push(record.address)
    }
  }

  describe('hands out', () => {
    it('neither the network, the broadcast address, the gateway nor what is excluded', async () => {
      await ipam.add({
        name: 'p',
        cidr: '192.0.2.0/28',
        gateway: '192.0.2.14',
        exclude: ['192.0.2.1', '192.0.2.4-192.0.2.6', '192.0.2.8/30'],
      })
      expect(await takeAll()).toEqual(['192.0.2.12', '192.0.2.13', '192.0.2.2', '192.0.2.3', '192.0.2.7'])
      for (const requested of ['192.0.2.0', '192.0.2.15', '192.0.2.14', '192.0.2.5']) {
        const refusal = await failureOf(ipam.take({ requested }))
        expect(refusal).toMatchObject({ code: 'address_taken' })
        expect(refusal.message).toContain('never handed out')
      }
    })

    it.each([
      ['192.0.2.6/31', ['192.0.2.6', '192.0.2.7']],
      ['192.0.2.6/32', ['192.0.2.6']],
      ['192.0.2.4/30', ['192.0.2.5', '192.0.2.6']],
      ['2001:db8::6/127', ['2001:db8::6', '2001:db8::7']],
      ['2001:db8::6/128', ['2001:db8::6']],
      ['2001:db8::4/126', ['2001:db8::5', '2001:db8::6', '2001:db8::7']],
    ])('of %s the addresses that hosts may have', async (cidr, addresses) => {
      await ipam.add({ name: 'p', cidr })
      expect(await ipam.pools.fill()).toMatchObject([
        { total: `${addresses.length}`, free: `${addresses.length}` },
      ])
      expect(await takeAll(cidr.includes(':') ? 6 : 4)).toEqual(addresses)
      expect(await ipam.pools.fill()).toMatchObject([{ used: addresses.length, free: '0' }])
    })

    it.each([
      ['126.0.0.0/7', '127.0.0.0/8 (loopback)'],
      ['127.0.0.0/16', '127.0.0.0/8 (loopback)'],
      ['168.0.0.0/6', '169.254.0.0/16 (link-local)'],
      ['0.0.0.0/0', '0.0.0.0/8'],
      ['224.0.0.0/24', '224.0.0.0/3 (multicast'],
      ['fe00::/8', 'fe80::/10 (link-local)'],
      ['::/0', '::/8'],
      ['::ffff:0:0/96', '::/8'],
    ])('nothing of %s, which has addresses that no host can have: it is refused', async (cidr, why) => {
      await expect(ipam.add({ name: 'p', cidr })).rejects.toMatchObject({
        field: 'cidr',
        message: expect.stringContaining(why),
      })
    })

    it('different addresses of a huge IPv6 network, and tells its gateway', async () => {
      await ipam.add({ name: 'p', cidr: '2001:db8:7::/48', gateway: '2001:db8:7::1' })
      const records = await Promise.all(Array.from({ length: 50 }, () => ipam.take({ family: 6 })))
      expect(new Set(records.map(record => record.address)).size).toBe(50)
      expect(records[0]).toMatchObject({ pool: 'p', network: { prefix: 48, gateway: '2001:db8:7::1' } })
      expect((await ipam.take({ family: 6, requested: '2001:db8:7:ffff::9' })).address).toBe(
        '2001:db8:7:ffff::9',
      )
      expect(await faultsInBooks(ipam.db, 'p')).toEqual([])
    })

    it('the address that has been free longest', async () => {
      await ipam.add({ name: 'p', cidr: '192.0.2.0/29' })
      const taken = await Promise.all(Array.from({ length: 6 }, () => ipam.take()))
      const order = [3, 0, 5, 1, 4, 2].map(index => taken[index])
      for (const held of order) if (held) await ipam.release(held)
      const again: string[] = []
      for (let n = 0; n < 6; n++) again.push((await ipam.take()).address)
      expect(again).toEqual(order.map(held => held?.address))
    })

    it('never used addresses before those that came back', async () => {
      await ipam.add({ name: 'p', cidr: '192.0.2.0/29' })
      const first = await ipam.take()
      await ipam.release(first)
      for (let n = 0; n < 5; n++) expect((await ipam.take()).address).not.toBe(first.address)
      expect((await ipam.take()).address).toBe(first.address)
    })
  })

  describe('with several pools', () => {
    beforeEach(async () => {
      await ipam.add({ name: 'second', cidr: '192.0.2.0/30', priority: 20, quarantineSeconds: 60 })
      await ipam.add({ name: 'first', cidr: '198.51.100.0/30', priority: 10, quarantineSeconds: 60 })
      await ipam.add({ name: 'v6', cidr: '2001:db8::/64', priority: 1 })
    })

    it('uses them in the order of their priorities', async () => {
      const pools: unknown[] = []
      for (let n = 0; n < 4; n++) pools.push((await ipam.take()).pool)
      expect(pools).toEqual(['first', 'first', 'second', 'second'])
    })

    it('goes back to the first as soon as it has space', async () => {
      await ipam.db.pool.updateMany({ data: { quarantineSeconds: 0 } })
      const [held] = [await ipam.take(), await ipam.take(), await ipam.take()]
      await ipam.release(held)
      expect(await ipam.take()).toMatchObject({ address: held.address, pool: 'first' })
    })

    it('waits out the quarantine of each, even when that leaves nothing', async () => {
      const [inFirst, , inSecond] = [await ipam.take(), await ipam.take(), await ipam.take()]
      await ipam.take()
      await ipam.release(inFirst)
      await ipam.release(inSecond)
      expect(await failureOf(ipam.take())).toMatchObject({ code: 'pool_exhausted' })
      await ipam.endQuarantine(inSecond.address)
      expect((await ipam.take()).address).toBe(inSecond.address)
      expect(await failureOf(ipam.take())).toMatchObject({ code: 'pool_exhausted' })
    })
  })

  describe('after a release', () => {
    const owner = 'service-1 main'
    beforeEach(() => ipam.add({ name: 'p', cidr: '192.0.2.0/29', quarantineSeconds: 60 }))

    it('gives a service that comes back during the quarantine the address that it had', async () => {
      const held = await ipam.take({ owner })
      await ipam.release(held)
      expect((await ipam.take({ owner: 'service-2 main' })).address).not.toBe(held.address)
      expect((await ipam.take({ owner })).address).toBe(held.address)
    })

    it('gives it the latest one that it had, where there were several', async () => {
      const [one, two] = [await ipam.take({ owner }), await ipam.take({ owner })]
      await ipam.release(one)
      await ipam.release(two)
      expect((await ipam.take({ owner })).address).toBe(two.address)
    })

    it('does not give it to somebody else, not even when he names it', async () => {
      const held = await ipam.take({ owner })
      await ipam.release(held)
      const refusal = await failureOf(ipam.take({ owner: 'service-2 main', requested: held.address }))
      expect(refusal).toMatchObject({ code: 'address_taken' })
      expect(refusal.message).toContain('quarantine')
      expect((await ipam.take({ owner, requested: held.address })).address).toBe(held.address)
    })

    it('gives it to anybody who names it once the quarantine is over', async () => {
      const held = await ipam.take({ owner })
      await ipam.release(held)
      await ipam.endQuarantine(held.address)
      const next = await ipam.take({ owner: 'service-2 main', requested: held.address })
      expect(next.address).toBe(held.address)
      expect(await faultsInBooks(ipam.db, 'p')).toEqual([])
    })
  })
})
