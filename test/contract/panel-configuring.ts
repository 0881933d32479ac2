import { describe, expect, it } from 'vitest'
import { compareAddresses } from '../../src/domain/address.ts'
import { failureOf } from './failures.ts'
import type { PanelContract } from './panel.ts'
import { all6, first4, more4, usePanel, wantedAddress } from './panel-subject.ts'

/** Giving guests their addresses, as often as it takes. */
export function configuring(contract: PanelContract): void {
  const { applied, most = { ipv4: 3, ipv6: 2 } } = contract

  if (contract.abilities.setsUp) settingUp(contract)
  else {
    describe('told of a service without a guest', () => {
      const panel = usePanel(contract)

      it('refuses, because it makes none', async () => {
        const refusal = await failureOf(panel.configure(panel.service(), first4))
        expect(refusal).toMatchObject({ code: 'panel_refused', retry: 'never' })
        expect(await panel.subject.guests()).toEqual([])
      })
    })
  }

  describe('told to give a guest an address', () => {
    const panel = usePanel(contract)

    it('does, and says when it is in force', async () => {
      const service = await panel.serviceWithGuest()
      expect(await panel.configure(service, first4)).toEqual({ guest: service.guest, applied })
      expect(await panel.addressesOf(service.guest)).toEqual([first4])
      expect(await panel.seen(service)).toEqual([first4])
    })

    it('may be told twice', async () => {
      const service = await panel.serviceWithGuest()
      await panel.configure(service, first4)
      expect(await panel.configure(service, first4)).toEqual({ guest: service.guest, applied })
      expect(await panel.addressesOf(service.guest)).toEqual([first4])
    })

    it('adds more of both families, and keeps what the guest has', async () => {
      const service = await panel.serviceWithGuest()
      const addresses = [first4, ...more4.slice(0, most.ipv4 - 1), ...all6.slice(0, most.ipv6)]
      for (const address of addresses) await panel.configure(service, address)
      expect(await panel.addressesOf(service.guest)).toEqual([...addresses].sort(compareAddresses))
      expect(await panel.seen(service)).toEqual([...addresses].sort(compareAddresses))
    })

    it('leaves other guests alone', async () => {
      const [one, other] = [await panel.serviceWithGuest(), await panel.serviceWithGuest()]
      await panel.configure(one, first4)
      await panel.configure(other, more4[0] ?? '')
      expect(await panel.addressesOf(one.guest)).toEqual([first4])
      expect(await panel.addressesOf(other.guest)).toEqual([more4[0]])
    })

    it('refuses where the guest that is named does not exist', async () => {
      const service = await panel.serviceWithGuest()
      await panel.subject.removeGuest(service.guest)
      const refusal = await failureOf(panel.configure(service, first4))
      expect(refusal).toMatchObject({ code: 'panel_refused', retry: 'never' })
      expect(refusal.message).toContain(service.guest)
      expect(await panel.subject.guests()).toEqual([])
    })

    it('does nothing when it was told to stop before it began', async () => {
      const service = await panel.serviceWithGuest()
      const aborted = AbortSignal.abort(new Error('no longer wanted'))
      await expect(panel.driver.configure(service, wantedAddress(first4), aborted)).rejects.toThrow()
      expect(await panel.addressesOf(service.guest)).toEqual([])
    })
  })

  if (contract.abilities.ptr) {
    describe('told to name an address', () => {
      const panel = usePanel(contract)
      const ptrOf = (guest: string) => panel.subject.ptrOf?.(guest, first4)

      it('sets, changes and removes the PTR', async () => {
        const service = await panel.serviceWithGuest()
        await panel.configure(service, first4, { ptr: 'web.example.net' })
        expect(await ptrOf(service.guest)).toBe('web.example.net')
        for (const ptr of ['mail.example.org', 'mail.example.org', undefined, undefined]) {
          await panel.driver.setPtr?.(service, first4, ptr, panel.signal)
          expect(await ptrOf(service.guest)).toBe(ptr)
        }
      })

      it('refuses where the guest does not have the address', async () => {
        const service = await panel.serviceWithGuest()
        const call = panel.driver.setPtr?.(service, first4, 'web.example.net', panel.signal)
        expect(await failureOf(call ?? Promise.resolve())).toMatchObject({ code: 'panel_refused' })
      })
    })
  }
}

function settingUp(contract: PanelContract): void {
  describe('told of a service without a guest', () => {
    const panel = usePanel(contract)

    it('sets it up with the address, and says as what', async () => {
      const { guest } = await panel.configure(panel.service(), first4)
      expect(await panel.subject.guests()).toEqual([guest])
      expect(await panel.addressesOf(guest)).toEqual([first4])
    })

    it('finds the guest that it made, when nobody heard its answer', async () => {
      const service = panel.service()
      const { guest } = await panel.configure(service, first4)
      expect((await panel.configure(service, first4)).guest).toBe(guest)
      expect(await panel.subject.guests()).toEqual([guest])
      expect(await panel.seen(service)).toEqual([first4])
    })

    it('sets up one guest for each service', async () => {
      const one = await panel.configure(panel.service(), first4)
      const other = await panel.configure(panel.service(), more4[0] ?? '')
      expect(one.guest).not.toBe(other.guest)
      expect(await panel.addressesOf(one.guest)).toEqual([first4])
      expect(await panel.addressesOf(other.guest)).toEqual([more4[0]])
    })

    it('makes a new one when the service comes back after its guest was deleted', async () => {
      const service = panel.service()
      const { guest } = await panel.configure(service, first4)
      await panel.subject.removeGuest(guest)
      const again = await panel.configure(service, first4)
      expect(await panel.subject.guests()).toEqual([again.guest])
      expect(await panel.addressesOf(again.guest)).toEqual([first4])
    })
  })
}
