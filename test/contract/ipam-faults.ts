import { describe, expect, it } from 'vitest'
import type { Marker } from '../../src/domain/marker.ts'
import { IpbridgeError } from '../../src/errors.ts'
import { failureOf, outcomeOf } from './failures.ts'
import type { IpamContract, IpamFault } from './ipam.ts'
import { newMarker, type Subject, signal, useSubject, wanted } from './ipam-subject.ts'

/** What answers soon, if wrongly. */
const answered: IpamFault[] = ['busy', 'lost before', 'lost after', 'empty answer', 'garbage answer']

/**
 * What the network and the other side do to a driver. A driver may mend a fault by itself, or say what is known
 * of the outcome; it may never take a failure for an answer.
 */
export function faults(contract: IpamContract): void {
  changesThatFail(contract)
  readsThatFail(contract)

  describe('with a password that is wrong', () => {
    const ipam = useSubject(contract)

    it('says so, does not try again, and keeps the password to itself', async () => {
      const { driver, password } = ipam.remote.wrongPassword()
      const refusals = [
        await failureOf(driver.findByMarker(newMarker(), signal)),
        await failureOf(driver.request(wanted(), signal)),
        await failureOf(driver.list(signal)[Symbol.asyncIterator]().next()),
      ]
      for (const refusal of refusals) {
        expect(refusal).toMatchObject({ code: 'bad_credentials', retry: 'never' })
        expect(refusal.message).not.toContain(password)
      }
      expect(await ipam.list()).toEqual([])
    })

    it('tells the administrator who tests the connection', async () => {
      const { driver, password } = ipam.remote.wrongPassword()
      const { ok, remarks } = await driver.check(signal)
      expect(ok).toBe(false)
      expect(remarks.join(' ')).toMatch(/\w+ \w+/)
      expect(remarks.join(' ')).not.toContain(password)
    })
  })

  describe('with nobody at its address', () => {
    const ipam = useSubject(contract)

    it('says so, and tries again later', async () => {
      const driver = ipam.remote.unreachable()
      const call = failureOf(driver.findByMarker(newMarker(), signal))
      expect(await call).toMatchObject({ code: 'ipam_unavailable', retry: 'later' })
      const { ok, remarks } = await driver.check(signal)
      expect(ok).toBe(false)
      expect(remarks.join(' ')).toMatch(/\w+ \w+/)
    })
  })
}

function changesThatFail(contract: IpamContract): void {
  describe('when a change goes wrong', () => {
    const ipam = useSubject(contract)

    // A driver may need several calls for one grant: each of them is hit.
    const cases = answered.flatMap(fault => [1, 2, 3].map(nth => ({ fault, nth })))

    it.each(cases)('grants one address and no more ($fault, at change $nth)', async ({ fault, nth }) => {
      const marker = newMarker()
      ipam.remote.fail(fault, 'change', nth)
      const first = await outcomeOf(ipam.driver.request(wanted({ marker }), signal))
      if (first instanceof IpbridgeError) {
        expect(first.retry).toBe('later')
        if (fault === 'lost after') expect(first.outcome).toBe('unknown')
      }
      ipam.remote.heal()
      const address = await goOn(ipam, marker)
      expect(await ipam.list()).toMatchObject([{ address, marker }])
    })

    if (contract.abilities.ptr) {
      it.each(answered)('has the PTR in the end, and says nothing wrong before (%s)', async fault => {
        const held = await ipam.take()
        ipam.remote.fail(fault, 'change')
        const first = await outcomeOf(ipam.driver.setPtr(held, 'web.example.net', signal))
        ipam.remote.heal()
        if (first instanceof IpbridgeError) expect(first.retry).toBe('later')
        else expect((await ipam.driver.read(held.address, signal))?.ptr).toBe('web.example.net')
        await ipam.driver.setPtr(held, 'web.example.net', signal)
        expect((await ipam.driver.read(held.address, signal))?.ptr).toBe('web.example.net')
      })
    }

    it.each(answered)(
      'has given the address back in the end, and says nothing wrong before (%s)',
      async fault => {
        const held = await ipam.take()
        ipam.remote.fail(fault, 'change')
        const first = await outcomeOf(ipam.driver.release(held, signal))
        ipam.remote.heal()
        if (first instanceof IpbridgeError) expect(first.retry).toBe('later')
        else expect(await ipam.list()).toEqual([])
        await ipam.driver.release(held, signal)
        expect(await ipam.list()).toEqual([])
      },
    )

    it('stops waiting for an answer when it is told to', async () => {
      ipam.remote.fail('silence', 'change')
      const abort = new AbortController()
      const call = ipam.driver.request(wanted(), abort.signal)
      setTimeout(() => abort.abort(new Error('no longer wanted')), 50)
      await expect(call).rejects.toThrow()
    })
  })
}

function readsThatFail(contract: IpamContract): void {
  describe('when a look goes wrong', () => {
    const ipam = useSubject(contract)

    it.each(answered)('does not take it for an answer (%s)', async fault => {
      const { address, marker } = await ipam.take()
      const looks = {
        findByMarker: () => ipam.driver.findByMarker(marker, signal),
        read: () => ipam.driver.read(address, signal),
        list: () => ipam.list(),
      }
      for (const [name, look] of Object.entries(looks)) {
        ipam.remote.fail(fault, 'read')
        const result = await outcomeOf<unknown>(look())
        ipam.remote.heal()
        if (result instanceof IpbridgeError) expect(result, name).toMatchObject({ retry: 'later' })
        else expect([result].flat(), name).toMatchObject([{ address, marker }])
      }
    })

    it('stops waiting for an answer when it is told to', async () => {
      ipam.remote.fail('silence', 'read')
      const abort = new AbortController()
      const call = ipam.driver.findByMarker(newMarker(), abort.signal)
      setTimeout(() => abort.abort(new Error('no longer wanted')), 50)
      await expect(call).rejects.toThrow()
    })
  })
}

/** What the processor does at its next try: it looks, and asks only where there is nothing. */
async function goOn({ driver }: Subject, marker: Marker) {
  const found = await driver.findByMarker(marker, signal)
  return (found ?? (await driver.request(wanted({ marker }), signal))).address
}
