import { describe, expect, it } from 'vitest'
import { failureOf } from './failures.ts'
import type { IpamContract } from './ipam.ts'
import { newMarker, signal, useSubject, wanted } from './ipam-subject.ts'

/** Changing and giving back what is held: idempotent, and only under the right marker. */
export function changes(contract: IpamContract): void {
  if (contract.abilities.ptr) ptrs(contract)
  else {
    describe('asked to set a PTR', () => {
      const ipam = useSubject(contract)

      it('refuses, because it keeps none', async () => {
        const refusal = await failureOf(ipam.driver.setPtr(await ipam.take(), 'web.example.net', signal))
        expect(refusal).toMatchObject({ code: 'ipam_refused', retry: 'never' })
      })
    })
  }
  releases(contract)
  aborts(contract)
}

function ptrs(contract: IpamContract): void {
  describe('asked to set a PTR', () => {
    const ipam = useSubject(contract)
    const ptrAt = async (address: string) => (await ipam.driver.read(address, signal))?.ptr

    it.each([4, 6] as const)('sets, changes and removes it (IPv%i)', async family => {
      const held = await ipam.take({ family })
      await ipam.driver.setPtr(held, 'web.example.net', signal)
      expect(await ptrAt(held.address)).toBe('web.example.net')
      await ipam.driver.setPtr(held, 'mail.example.org', signal)
      expect(await ptrAt(held.address)).toBe('mail.example.org')
      await ipam.driver.setPtr(held, undefined, signal)
      expect(await ptrAt(held.address)).toBeUndefined()
    })

    it('may be asked twice', async () => {
      const held = await ipam.take()
      await ipam.driver.setPtr(held, 'web.example.net', signal)
      await ipam.driver.setPtr(held, 'web.example.net', signal)
      expect(await ptrAt(held.address)).toBe('web.example.net')
      await ipam.driver.setPtr(held, undefined, signal)
      await ipam.driver.setPtr(held, undefined, signal)
      expect(await ptrAt(held.address)).toBeUndefined()
    })

    it('shows it wherever the record is shown, and keeps the marker', async () => {
      const held = await ipam.take()
      await ipam.driver.setPtr(held, 'web.example.net', signal)
      const record = { address: held.address, marker: held.marker, ptr: 'web.example.net' }
      expect(await ipam.driver.read(held.address, signal)).toMatchObject(record)
      expect(await ipam.driver.findByMarker(held.marker, signal)).toMatchObject(record)
      expect(await ipam.list()).toMatchObject([record])
    })

    it('leaves a record alone that is not marked as ours', async () => {
      const held = await ipam.take()
      await ipam.driver.setPtr(held, 'web.example.net', signal)
      const claim = { address: held.address, marker: newMarker() }
      expect(await failureOf(ipam.driver.setPtr(claim, 'evil.example.org', signal))).toMatchObject({
        code: 'record_not_ours',
        retry: 'never',
      })
      expect(await failureOf(ipam.driver.setPtr(claim, undefined, signal))).toMatchObject({
        code: 'record_not_ours',
      })
      expect(await ptrAt(held.address)).toBe('web.example.net')
    })

    it('does not make a record where there is none', async () => {
      const claim = { address: '192.0.2.77', marker: newMarker() }
      expect(await failureOf(ipam.driver.setPtr(claim, 'web.example.net', signal))).toMatchObject({
        code: 'record_not_ours',
      })
      expect(await ipam.list()).toEqual([])
    })
  })
}

function releases(contract: IpamContract): void {
  describe('given an address back', () => {
    const ipam = useSubject(contract)

    it.each([4, 6] as const)('holds it no more (IPv%i)', async family => {
      const held = await ipam.take({ family })
      if (contract.abilities.ptr) await ipam.driver.setPtr(held, 'web.example.net', signal)
      await ipam.driver.release(held, signal)
      expect(await ipam.driver.read(held.address, signal)).toBeUndefined()
      expect(await ipam.driver.findByMarker(held.marker, signal)).toBeUndefined()
      expect(await ipam.list()).toEqual([])
    })

    it('may be given it twice', async () => {
      const held = await ipam.take()
      await ipam.driver.release(held, signal)
      await ipam.driver.release(held, signal)
    })

    it('passes it on without the name that it had', async () => {
      const held = await ipam.take()
      if (contract.abilities.ptr) await ipam.driver.setPtr(held, 'web.example.net', signal)
      await ipam.driver.release(held, signal)
      const want = contract.abilities.requestsSpecific ? { requested: held.address } : {}
      const next = await ipam.take(want)
      expect((await ipam.driver.read(next.address, signal))?.ptr).toBeUndefined()
    })

    it('keeps it where it is marked as another of ours', async () => {
      const holder = await ipam.take()
      const claim = { address: holder.address, marker: newMarker() }
      expect(await failureOf(ipam.driver.release(claim, signal))).toMatchObject({
        code: 'record_not_ours',
        retry: 'never',
      })
      expect(await ipam.driver.read(holder.address, signal)).toMatchObject({ marker: holder.marker })
    })

    it('keeps it where somebody else has it by now', async () => {
      const held = await ipam.take()
      await ipam.driver.release(held, signal)
      await ipam.subject.hold(held.address)
      expect(await failureOf(ipam.driver.release(held, signal))).toMatchObject({ code: 'record_not_ours' })
      expect((await ipam.driver.read(held.address, signal))?.address).toBe(held.address)
    })
  })
}

function aborts(contract: IpamContract): void {
  describe('told to stop before it began', () => {
    const ipam = useSubject(contract)
    const aborted = AbortSignal.abort(new Error('no longer wanted'))

    it('makes no change', async () => {
      const held = await ipam.take()
      await expect(ipam.driver.request(wanted(), aborted)).rejects.toThrow()
      if (contract.abilities.requestsSpecific) {
        const want = wanted({ requested: '192.0.2.77' })
        await expect(ipam.driver.request(want, aborted)).rejects.toThrow()
      }
      if (contract.abilities.ptr) {
        await expect(ipam.driver.setPtr(held, 'web.example.net', aborted)).rejects.toThrow()
      }
      await expect(ipam.driver.release(held, aborted)).rejects.toThrow()
      expect(await ipam.list()).toHaveLength(1)
      expect((await ipam.driver.read(held.address, signal))?.ptr).toBeUndefined()
    })

    it('does not look either', async () => {
      const held = await ipam.take()
      await expect(ipam.driver.findByMarker(held.marker, aborted)).rejects.toThrow()
      await expect(ipam.driver.read(held.address, aborted)).rejects.toThrow()
      await expect(ipam.driver.list(aborted)[Symbol.asyncIterator]().next()).rejects.toThrow()
    })
  })
}
