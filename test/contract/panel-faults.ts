import { describe, expect, it } from 'vitest'
import { IpbridgeError } from '../../src/errors.ts'
import { failureOf, outcomeOf } from './failures.ts'
import type { PanelContract, PanelFault } from './panel.ts'
import { first4, more4, usePanel, wantedAddress } from './panel-subject.ts'

/**
 * What the network and the panel do to a driver. A driver may mend a fault by itself, or say what is known of the
 * outcome; it may never say that something was done which was not.
 */
export function panelFaults(contract: PanelContract): void {
  const onChange: PanelFault[] = [
    'busy',
    'lost before',
    'lost after',
    'says success',
    'empty answer',
    'garbage answer',
  ]
  if (contract.noticesStale) onChange.push('stale')
  const onRead: PanelFault[] = ['busy', 'lost before', 'empty answer', 'garbage answer']

  describe('when a change goes wrong', () => {
    const panel = usePanel(contract)
    // A driver may need several calls for one change: each of them is hit.
    const cases = onChange.flatMap(fault => [1, 2, 3].map(nth => ({ fault, nth })))

    it.each(cases)(
      'configures in the end, and claims nothing before ($fault, at change $nth)',
      async ({ fault, nth }) => {
        const service = await panel.serviceWithGuest()
        await panel.configure(service, first4)
        const added = more4[0] ?? ''
        panel.remote.fail(fault, 'change', nth)
        const first = await outcomeOf(panel.configure(service, added))
        panel.remote.heal()
        if (first instanceof IpbridgeError) expect(first.retry).toBe('later')
        else expect(await panel.addressesOf(service.guest)).toEqual([first4, added])
        await panel.configure(service, added)
        expect(await panel.addressesOf(service.guest)).toEqual([first4, added])
      },
    )

    it.each(cases)(
      'takes off in the end, and claims nothing before ($fault, at change $nth)',
      async ({ fault, nth }) => {
        const service = await panel.serviceWithGuest()
        const leaving = more4[0] ?? ''
        await panel.configure(service, first4)
        await panel.configure(service, leaving)
        panel.remote.fail(fault, 'change', nth)
        const first = await outcomeOf(panel.driver.unassign(service, leaving, panel.signal))
        panel.remote.heal()
        if (first instanceof IpbridgeError) expect(first.retry).toBe('later')
        else expect(await panel.addressesOf(service.guest)).toEqual([first4])
        await panel.driver.unassign(service, leaving, panel.signal)
        expect(await panel.addressesOf(service.guest)).toEqual([first4])
      },
    )

    if (contract.abilities.setsUp) {
      it.each(cases)('sets up one guest and no more ($fault, at change $nth)', async ({ fault, nth }) => {
        const service = panel.service()
        panel.remote.fail(fault, 'change', nth)
        const first = await outcomeOf(panel.configure(service, first4))
        panel.remote.heal()
        if (first instanceof IpbridgeError) expect(first.retry).toBe('later')
        const { guest } = await panel.configure(service, first4)
        expect(await panel.subject.guests()).toEqual([guest])
        expect(await panel.addressesOf(guest)).toEqual([first4])
      })
    }

    if (contract.abilities.ptr) {
      it.each(onChange)('has named the address in the end (%s)', async fault => {
        const service = await panel.serviceWithGuest()
        await panel.configure(service, first4, { ptr: 'old.example.net' })
        const setPtr = async () => panel.driver.setPtr?.(service, first4, 'new.example.net', panel.signal)
        const ptr = () => panel.subject.ptrOf?.(service.guest, first4)
        panel.remote.fail(fault, 'change')
        const first = await outcomeOf<unknown>(setPtr())
        panel.remote.heal()
        if (first instanceof IpbridgeError) expect(first.retry).toBe('later')
        else expect(await ptr()).toBe('new.example.net')
        await setPtr()
        expect(await ptr()).toBe('new.example.net')
      })
    }

    it('says what is wrong when the panel claims success and has done nothing', async () => {
      const service = await panel.serviceWithGuest()
      panel.remote.fail('says success', 'change')
      const failure = await failureOf(panel.configure(service, first4))
      expect(failure).toMatchObject({ code: 'panel_unavailable', retry: 'later' })
      expect(failure.message).toContain(first4)
    })

    it('stops waiting for an answer when it is told to', async () => {
      const service = await panel.serviceWithGuest()
      panel.remote.fail('silence', 'change')
      const abort = new AbortController()
      const call = panel.driver.configure(service, wantedAddress(first4), abort.signal)
      setTimeout(() => abort.abort(new Error('no longer wanted')), 50)
      await expect(call).rejects.toThrow()
    })
  })

  describe('when a look goes wrong', () => {
    const panel = usePanel(contract)

    it.each(onRead)('does not take it for an answer (%s)', async fault => {
      const service = await panel.serviceWithGuest()
      await panel.configure(service, first4)
      panel.remote.fail(fault, 'read')
      const seen = await outcomeOf<unknown>(panel.seen(service))
      panel.remote.heal()
      if (seen instanceof IpbridgeError) expect(seen.retry).toBe('later')
      else expect(seen).toEqual([first4])
      panel.remote.fail(fault, 'read')
      const taken = await outcomeOf(panel.driver.unassign(service, first4, panel.signal))
      panel.remote.heal()
      if (taken instanceof IpbridgeError) expect(taken.retry).toBe('later')
      else expect(await panel.addressesOf(service.guest)).toEqual([])
    })

    it('stops waiting for an answer when it is told to', async () => {
      const service = await panel.serviceWithGuest()
      panel.remote.fail('silence', 'read')
      const abort = new AbortController()
      const call = panel.driver.addresses(service, abort.signal)
      setTimeout(() => abort.abort(new Error('no longer wanted')), 50)
      await expect(call).rejects.toThrow()
    })
  })

  describe('with a password that is wrong', () => {
    const panel = usePanel(contract)

    it('says so, does not try again, and keeps the password to itself', async () => {
      const service = await panel.serviceWithGuest()
      const { driver, password } = panel.remote.wrongPassword()
      const refusals = [
        await failureOf(driver.addresses(service, panel.signal)),
        await failureOf(driver.configure(service, wantedAddress(first4), panel.signal)),
      ]
      for (const refusal of refusals) {
        expect(refusal).toMatchObject({ code: 'bad_credentials', retry: 'never' })
        expect(refusal.message).not.toContain(password)
      }
      const { ok, remarks } = await driver.check(panel.signal)
      expect(ok).toBe(false)
      expect(remarks.join(' ')).toMatch(/\w+ \w+/)
      expect(remarks.join(' ')).not.toContain(password)
      expect(await panel.addressesOf(service.guest)).toEqual([])
    })
  })

  describe('with nobody at its address', () => {
    const panel = usePanel(contract)

    it('says so, and tries again later', async () => {
      const driver = panel.remote.unreachable()
      const call = failureOf(driver.addresses(panel.service('101'), panel.signal))
      expect(await call).toMatchObject({ code: 'panel_unavailable', retry: 'later' })
      const { ok, remarks } = await driver.check(panel.signal)
      expect(ok).toBe(false)
      expect(remarks.join(' ')).toMatch(/\w+ \w+/)
    })
  })
}
