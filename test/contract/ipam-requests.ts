import { describe, expect, it } from 'vitest'
import { canonicalAddress, familyOf, toBigInt } from '../../src/domain/address.ts'
import { failureOf } from './failures.ts'
import type { IpamContract } from './ipam.ts'
import { layout, newMarker, signal, useSubject, wanted } from './ipam-subject.ts'

/** Taking addresses, and finding again what was taken. */
export function requests(contract: IpamContract): void {
  const { abilities } = contract

  describe('asked for an address', () => {
    const ipam = useSubject(contract)

    it('gives one of its pools, marked', async () => {
      const record = await ipam.take()
      expect(record.address).toBe(canonicalAddress(record.address))
      expect(isIn(record.address, layout.wide) || isIn(record.address, layout.small)).toBe(true)
      expect(await ipam.driver.read(record.address, signal)).toMatchObject({
        address: record.address,
        marker: record.marker,
      })
    })

    it('gives an IPv6 address in canonical text', async () => {
      const { address, marker } = await ipam.take({ family: 6 })
      expect(address).toBe(canonicalAddress(address))
      expect(familyOf(address)).toBe(6)
      expect(isIn(address, layout.six)).toBe(true)
      expect(await ipam.driver.findByMarker(marker, signal)).toMatchObject({ address, marker })
    })

    it('gives different ones to many that ask at once', async () => {
      const records = await Promise.all(Array.from({ length: 20 }, () => ipam.take()))
      expect(new Set(records.map(record => record.address)).size).toBe(20)
    })

    it('gives no address that somebody else holds', async () => {
      const first = await ipam.take()
      await ipam.driver.release(first, signal)
      await ipam.subject.hold(first.address)
      expect((await ipam.take()).address).not.toBe(first.address)
    })
  })

  describe('searched for a marker', () => {
    const ipam = useSubject(contract)

    it('finds the grant whose answer was lost after it took effect', async () => {
      const marker = newMarker()
      const { address } = await ipam.driver.request(wanted({ marker }), signal)
      await ipam.take()
      expect(await ipam.driver.findByMarker(marker, signal)).toMatchObject({ address, marker })
    })

    it('finds nothing where nothing was granted', async () => {
      await ipam.take()
      expect(await ipam.driver.findByMarker(newMarker(), signal)).toBeUndefined()
    })

    it('does not take a marker for another one that begins like it', async () => {
      const first = newMarker()
      const second = `${first}.1`
      await ipam.take({ marker: second })
      expect(await ipam.driver.findByMarker(first, signal)).toBeUndefined()
      const { address } = await ipam.take({ marker: first })
      expect(await ipam.driver.findByMarker(first, signal)).toMatchObject({ address })
      expect(await ipam.driver.findByMarker(`${first}.10`, signal)).toBeUndefined()
      expect((await ipam.driver.findByMarker(second, signal))?.address).not.toBe(address)
    })

    it('still finds it after the PTR was set', async () => {
      const held = await ipam.take()
      if (abilities.ptr) await ipam.driver.setPtr(held, 'web.example.net', signal)
      expect(await ipam.driver.findByMarker(held.marker, signal)).toMatchObject({
        address: held.address,
        marker: held.marker,
      })
    })
  })

  describe('asked to look at an address', () => {
    const ipam = useSubject(contract)

    it('tells of nobody where nobody holds it', async () => {
      expect(await ipam.driver.read('192.0.2.77', signal)).toBeUndefined()
      expect(await ipam.driver.read('2001:db8:0:1::77', signal)).toBeUndefined()
    })

    it('tells of a record that is not ours without a marker', async () => {
      await ipam.subject.hold('192.0.2.77')
      const record = await ipam.driver.read('192.0.2.77', signal)
      expect(record?.address).toBe('192.0.2.77')
      expect(record?.marker).toBeUndefined()
    })
  })

  describe('without a free address', () => {
    const ipam = useSubject(contract, { small: layout.small })

    /** A /30 has two addresses for hosts; some systems give out the outer two as well. */
    const fill = async () => {
      const taken = [await ipam.take(), await ipam.take()]
      for (let n = 0; n < 2; n++) {
        const more = await ipam.take().catch(() => undefined)
        if (more) taken.push(more)
      }
      return taken
    }

    it('says so, and that it may heal', async () => {
      await fill()
      expect(await failureOf(ipam.take())).toMatchObject({ code: 'pool_exhausted', retry: 'later' })
    })

    it('serves again once an address came back', async () => {
      const [first] = await fill()
      if (first) await ipam.driver.release(first, signal)
      expect((await ipam.take()).address).toBe(first?.address)
    })
  })

  if (abilities.pools) limitedToPools(contract)
  if (abilities.requestsSpecific) specific(contract)
  else {
    describe('asked for one address and no other', () => {
      const ipam = useSubject(contract)

      it('refuses, because it cannot choose, and takes nothing', async () => {
        const refusal = await failureOf(ipam.take({ requested: '192.0.2.77' }))
        expect(refusal).toMatchObject({ code: 'ipam_refused', retry: 'never' })
        expect(await ipam.list()).toEqual([])
      })
    })
  }
}

function limitedToPools(contract: IpamContract): void {
  describe('limited to some of its pools', () => {
    const ipam = useSubject(contract, { ...layout, other: '203.0.113.0/28' })

    it('takes from those only', async () => {
      for (let n = 0; n < 3; n++) {
        const { address } = await ipam.take({ pools: ['other'] })
        expect(isIn(address, '203.0.113.0/28')).toBe(true)
      }
    })

    it('is exhausted when they are, however much room the others have', async () => {
      const fill = async () => {
        for (let n = 0; n < 5; n++) await ipam.take({ pools: ['small'] })
      }
      expect(await failureOf(fill())).toMatchObject({ code: 'pool_exhausted', retry: 'later' })
    })

    it('goes on with the next one when the first is full', async () => {
      const addresses: string[] = []
      for (let n = 0; n < 5; n++) addresses.push((await ipam.take({ pools: ['small', 'other'] })).address)
      expect(new Set(addresses).size).toBe(5)
      expect(addresses.every(a => isIn(a, layout.small) || isIn(a, '203.0.113.0/28'))).toBe(true)
    })

    it('says that there is no such pool', async () => {
      const refusal = await failureOf(ipam.take({ pools: ['nowhere'] }))
      expect(refusal).toMatchObject({ code: 'no_such_pool', retry: 'never' })
      expect(await ipam.list()).toEqual([])
    })
  })
}

function specific(contract: IpamContract): void {
  describe('asked for one address and no other', () => {
    const ipam = useSubject(contract)

    it('gives it', async () => {
      expect(await ipam.take({ requested: '192.0.2.77' })).toMatchObject({ address: '192.0.2.77' })
      expect(await ipam.take({ requested: '2001:db8:0:1::77', family: 6 })).toMatchObject({
        address: '2001:db8:0:1::77',
      })
    })

    it('refuses it where another of ours has it', async () => {
      const holder = await ipam.take({ requested: '192.0.2.77' })
      const refusal = await failureOf(ipam.take({ requested: '192.0.2.77' }))
      expect(refusal).toMatchObject({ code: 'address_taken', retry: 'never' })
      expect(await ipam.driver.read('192.0.2.77', signal)).toMatchObject({ marker: holder.marker })
    })

    it('refuses it where somebody else has it', async () => {
      await ipam.subject.hold('192.0.2.77')
      const refusal = await failureOf(ipam.take({ requested: '192.0.2.77' }))
      expect(refusal).toMatchObject({ code: 'address_taken', retry: 'never' })
      expect((await ipam.driver.read('192.0.2.77', signal))?.marker).toBeUndefined()
    })

    it('refuses what lies outside of its pools', async () => {
      const refusal = await failureOf(ipam.take({ requested: '203.0.113.77' }))
      expect(refusal).toMatchObject({ code: 'address_outside_pools', retry: 'never' })
    })

    it('gives it to one of many that ask at once', async () => {
      const tries = await Promise.allSettled(
        Array.from({ length: 5 }, () => ipam.take({ requested: '192.0.2.77' })),
      )
      expect(tries.filter(result => result.status === 'fulfilled')).toHaveLength(1)
      for (const result of tries) {
        if (result.status === 'rejected') expect(['address_taken', 'ipam_busy']).toContain(result.reason.code)
      }
    })
  })
}

function isIn(address: string, cidr: string): boolean {
  // The whole network, since systems differ in whether they give out its outer addresses.
  const [first = '', prefix = ''] = cidr.split('/')
  if (familyOf(address) !== familyOf(first)) return false
  const size = 1n << BigInt((familyOf(first) === 4 ? 32 : 128) - Number(prefix))
  const offset = toBigInt(address) - toBigInt(first)
  return offset >= 0n && offset < size
}
