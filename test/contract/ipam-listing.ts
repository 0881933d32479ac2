import { describe, expect, it } from 'vitest'
import { compareAddresses } from '../../src/domain/address.ts'
import type { IpamRecord } from '../../src/ipam/driver.ts'
import type { IpamContract } from './ipam.ts'
import { layout, signal, useSubject } from './ipam-subject.ts'

/** Listing everything that is held, and the connection test. */
export function listing(contract: IpamContract): void {
  const { many = 30 } = contract

  describe('asked for its list', () => {
    const ipam = useSubject(contract)

    it('has nothing to tell as long as nobody holds anything', async () => {
      expect(await ipam.list()).toEqual([])
    })

    it('gives everything, ours and others, IPv4 before IPv6, ascending', async () => {
      const taken: string[] = []
      for (let n = 0; n < many; n++) taken.push((await ipam.take({ family: n % 3 === 0 ? 6 : 4 })).address)
      await ipam.subject.hold('192.0.2.200')
      const listed = await ipam.list()
      expect(listed.map(record => record.address)).toEqual([...taken, '192.0.2.200'].sort(compareAddresses))
      expect(listed.filter(record => record.marker === undefined)).toHaveLength(1)
    })

    it('leaves out nobody who was there all the time, while others come and go', async () => {
      const held = await Promise.all(Array.from({ length: many }, () => ipam.take()))
      held.sort((a, b) => compareAddresses(a.address, b.address))
      const listed: IpamRecord[] = []
      const leaving = held.filter((_, index) => index % 3 === 1)
      for await (const record of ipam.driver.list(signal)) {
        listed.push(record)
        const gone = leaving.shift()
        if (gone) {
          await ipam.driver.release(gone, signal)
          await ipam.take()
        }
      }
      const addresses = listed.map(record => record.address)
      expect(addresses).toEqual([...new Set(addresses)].sort(compareAddresses))
      const stayed = held.filter((_, index) => index % 3 !== 1).map(record => record.marker)
      expect(new Set(listed.map(record => record.marker))).toEqual(
        expect.toSatisfy((markers: Set<string>) => stayed.every(marker => markers.has(marker))),
      )
    })

    it('stops when it is told to', async () => {
      for (let n = 0; n < many; n++) await ipam.take()
      const abort = new AbortController()
      const listed = ipam.driver.list(abort.signal)[Symbol.asyncIterator]()
      await listed.next()
      abort.abort(new Error('no longer wanted'))
      const rest = async () => {
        while (!(await listed.next()).done);
      }
      await expect(rest()).rejects.toThrow()
    })
  })

  describe('tested by an administrator', () => {
    const ipam = useSubject(contract)

    it('is well, and counts what is free and used', async () => {
      await ipam.take()
      await ipam.take({ family: 6 })
      const { ok, pools, remarks } = await ipam.driver.check(signal)
      expect(ok).toBe(true)
      expect(pools.length).toBeGreaterThan(0)
      expect(pools.reduce((sum, pool) => sum + pool.used, 0)).toBe(2)
      for (const { name, total, free, used, quarantined } of pools) {
        expect(name).not.toBe('')
        expect(total).toMatch(/^\d+$/)
        expect(BigInt(free) + BigInt(used) + BigInt(quarantined)).toBe(BigInt(total))
      }
      if (contract.abilities.pools)
        expect(pools.map(pool => pool.name).sort()).toEqual(Object.keys(layout).sort())
      for (const remark of remarks) expect(remark).toMatch(/\w+ \w+/)
    })
  })

  describe('without any pool', () => {
    const ipam = useSubject(contract, {})

    it('says in words what is missing', async () => {
      const { ok, remarks } = await ipam.driver.check(signal)
      expect(ok).toBe(false)
      expect(remarks.join(' ')).toMatch(/no (pool|group|range|network|address)/i)
    })
  })
}
