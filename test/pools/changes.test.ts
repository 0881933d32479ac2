import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ShapeChange } from '../../src/ipam/builtin/pools.ts'
import type { Held } from '../../src/ipam/driver.ts'
import { failureOf } from '../contract/failures.ts'
import { faultsInBooks, openPools, type Pools } from '../helpers/pools.ts'

describe('A pool that is in use', () => {
  let ipam: Pools
  beforeAll(async () => {
    ipam = await openPools()
  })
  afterAll(() => ipam.close())
  beforeEach(async () => {
    await ipam.db.poolAddress.deleteMany()
    await ipam.db.pool.deleteMany()
    await ipam.add({ name: 'p', cidr: '192.0.2.0/28', gateway: '192.0.2.1' })
  })

  const change = (name: string, shape: ShapeChange) =>
    ipam.db.$transaction(tx => ipam.pools.changeShape(name, shape, tx))
  const remove = (name: string) => ipam.db.$transaction(tx => ipam.pools.remove(name, tx))
  const fill = async () => (await ipam.pools.fill()).find(({ name }) => name === 'p')

  /** Everything that is free, in order. */
  async function rest(): Promise<Held[]> {
    const taken: Held[] = []
    for (;;) {
      const held = await ipam.take().catch(() => undefined)
      if (held === undefined) return taken.sort((a, b) => (a.address < b.address ? -1 : 1))
      taken.push(held)
    }
  }

  describe('whose excluded addresses change', () => {
    it('no longer hands out what is excluded, and hands out what is not excluded any more', async () => {
      await change('p', { exclude: ['192.0.2.2-192.0.2.5', '192.0.2.9', '192.0.2.12/30'] })
      expect(await faultsInBooks(ipam.db, 'p')).toEqual([])
      expect(await fill()).toMatchObject({ total: '5', free: '5' })
      const space = await change('p', { exclude: ['192.0.2.8-192.0.2.14'], gateway: '192.0.2.14' })
      expect(space).toMatchObject({ pool: 'p', family: 4, count: 5 })
      expect(await faultsInBooks(ipam.db, 'p')).toEqual([])
      const last = (await rest()).map(({ address }) => Number(address.split('.')[3]))
      expect(last.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7])
    })

    it('leaves an excluded address with its holder, and does not hand it out after him', async () => {
      const held = await ipam.take({ requested: '192.0.2.7' })
      await change('p', { exclude: ['192.0.2.0/28'] })
      expect(await fill()).toMatchObject({ total: '1', used: 1, free: '0' })
      expect(await ipam.driver.read('192.0.2.7', new AbortController().signal)).toMatchObject({
        marker: held.marker,
      })
      await ipam.release(held)
      expect(await failureOf(ipam.take())).toMatchObject({ code: 'pool_exhausted' })
      expect(await failureOf(ipam.take({ requested: '192.0.2.7' }))).toMatchObject({ code: 'address_taken' })
      expect(await fill()).toMatchObject({ total: '0', used: 0, free: '0' })
      expect(await faultsInBooks(ipam.db, 'p')).toEqual([])
    })

    it('does not free what somebody holds or what waits in quarantine', async () => {
      await ipam.db.pool.update({ where: { name: 'p' }, data: { quarantineSeconds: 60 } })
      const [one, two] = [
        await ipam.take({ requested: '192.0.2.7' }),
        await ipam.take({ requested: '192.0.2.8', owner: 'service-1 main' }),
      ]
      await ipam.release(two)
      await change('p', { exclude: ['192.0.2.0/28'] })
      expect(await failureOf(ipam.take({ owner: 'service-1 main' }))).toMatchObject({
        code: 'pool_exhausted',
      })
      await change('p', { exclude: [] })
      expect(await faultsInBooks(ipam.db, 'p')).toEqual([])
      const others = await rest()
      expect(others.map(held => held.address)).not.toContain(one.address)
      expect(others.map(held => held.address)).not.toContain(two.address)
      expect(others).toHaveLength(11)
      expect((await ipam.take({ owner: 'service-1 main' })).address).toBe(two.address)
    })

    it('takes no gateway that somebody has', async () => {
      await ipam.take({ requested: '192.0.2.7', owner: 'service-1 main' })
      const refusal = await failureOf(change('p', { gateway: '192.0.2.7' }))
      expect(refusal).toMatchObject({ code: 'in_use' })
      expect(refusal.message).toContain('service-1 main')
      await change('p', { gateway: null })
      expect((await ipam.take({ requested: '192.0.2.1' })).address).toBe('192.0.2.1')
    })

    it('refuses a range that is not in the network, and changes nothing', async () => {
      await expect(change('p', { exclude: ['192.0.2.2', '198.51.100.1'] })).rejects.toThrow('198.51.100.1')
      expect(await fill()).toMatchObject({ total: '13' })
      expect(await faultsInBooks(ipam.db, 'p')).toEqual([])
    })

    it('also of IPv6 networks', async () => {
      await ipam.add({ name: 'six', cidr: '2001:db8::/48' })
      const held = await ipam.take({ family: 6, requested: '2001:db8:0:5::1' })
      await change('six', { exclude: ['2001:db8::/49', '2001:db8:0:8000::/50'] })
      await ipam.release(held)
      await change('six', { exclude: ['2001:db8:0:8000::/50'], gateway: '2001:db8::1' })
      expect(await faultsInBooks(ipam.db, 'six')).toEqual([])
    })
  })

  describe('that is removed', () => {
    it('goes when nobody holds an address, together with its quarantine', async () => {
      await ipam.db.pool.update({ where: { name: 'p' }, data: { quarantineSeconds: 60 } })
      await ipam.release(await ipam.take())
      await remove('p')
      expect(await failureOf(ipam.take())).toMatchObject({ code: 'no_such_pool' })
      expect(await failureOf(remove('p'))).toMatchObject({ code: 'not_found' })
    })

    it('stays as long as somebody holds one', async () => {
      const held = await ipam.take()
      expect(await failureOf(remove('p'))).toMatchObject({ code: 'in_use' })
      await ipam.release(held)
      await remove('p')
    })

    it('takes no held address with it, however the requests come in between', async () => {
      for (let round = 0; round < 5; round++) {
        const name = `round-${round}`
        await ipam.add({ name, cidr: `198.51.${round}.0/28`, priority: 1 })
        const former = await ipam.take({ owner: 'service-1 main', pools: [name] })
        await ipam.db.pool.update({ where: { name }, data: { quarantineSeconds: 60 } })
        await ipam.release(former)
        const requests = [{ owner: 'service-1 main' }, {}, { requested: `198.51.${round}.9` }, {}].map(want =>
          ipam.take({ ...want, ...('requested' in want ? {} : { pools: [name] }) }).catch(failureIsClear),
        )
        const removed = remove(name).then(
          () => true,
          error => {
            expect(error).toMatchObject({ code: 'in_use' })
            return false
          },
        )
        const granted = (await Promise.all(requests)).filter(record => record !== undefined)
        const left = await ipam.db.poolAddress.count({ where: { state: 'held' } })
        expect(left).toBe((await removed) ? 0 : granted.length)
        if (await removed) expect(granted).toEqual([])
        for (const held of granted) await ipam.release(held)
        await ipam.db.pool.deleteMany({ where: { name } })
      }
    })
  })

  it('is refused where it overlaps another one of its address space, by whichever way it comes', async () => {
    for (const cidr of ['192.0.2.0/28', '192.0.2.0/24', '192.0.2.8/29', '192.0.2.9/32']) {
      const refusal = await failureOf(ipam.add({ name: 'q', cidr }))
      expect(refusal).toMatchObject({ code: 'already_exists' })
      expect(refusal.message).toContain('pool p (192.0.2.0/28)')
    }
    const both = ['203.0.113.0/24', '203.0.113.128/25'].map((cidr, n) =>
      ipam.add({ name: `both-${n}`, cidr }),
    )
    const results = await Promise.allSettled(both)
    expect(results.map(result => result.status).sort()).toEqual(['fulfilled', 'rejected'])
    const lab = { id: ipam.connection.id, addressSpace: 'lab' }
    await expect(ipam.pools.add(lab, { name: 'q', cidr: '192.0.2.0/28' })).rejects.toThrow()
    await ipam.db.connection.create({
      data: {
        id: '00000000-0000-7000-8000-0000000000aa',
        name: 'lab',
        driver: 'builtin',
        addressSpace: 'lab',
      },
    })
    await ipam.pools.add(
      { id: '00000000-0000-7000-8000-0000000000aa', addressSpace: 'lab' },
      { name: 'q', cidr: '192.0.2.0/28' },
    )
  })
})

/** A pool that goes away in the middle of a request is no such pool, or has no such address. */
function failureIsClear(error: unknown): undefined {
  expect(error).toMatchObject({
    code: expect.stringMatching(/^(no_such_pool|address_outside_pools|ipam_busy)$/),
  })
  return undefined
}
