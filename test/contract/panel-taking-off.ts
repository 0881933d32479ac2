import { describe, expect, it } from 'vitest'
import type { PanelGuest } from '../../src/panels/driver.ts'
import type { PanelContract } from './panel.ts'
import { all6, first4, more4, usePanel } from './panel-subject.ts'

/** Taking addresses off guests, and seeing what is left. */
export function takingOff(contract: PanelContract): void {
  describe('told to take an address off a guest', () => {
    const panel = usePanel(contract)

    it.each([first4, more4[0] ?? '', all6[0] ?? ''])('does, and leaves the others (%s)', async gone => {
      const service = await panel.serviceWithGuest()
      const addresses = [first4, more4[0] ?? '', all6[0] ?? '']
      for (const address of addresses) await panel.configure(service, address)
      await panel.driver.unassign(service, gone, panel.signal)
      const left = addresses.filter(address => address !== gone)
      expect(await panel.addressesOf(service.guest)).toEqual(left)
      expect(await panel.seen(service)).toEqual(left)
    })

    it('may be told twice, and of one that was never there', async () => {
      const service = await panel.serviceWithGuest()
      await panel.configure(service, first4)
      await panel.driver.unassign(service, more4[0] ?? '', panel.signal)
      expect(await panel.seen(service)).toEqual([first4])
      await panel.driver.unassign(service, first4, panel.signal)
      await panel.driver.unassign(service, first4, panel.signal)
      expect(await panel.seen(service)).toEqual([])
    })

    it('can give it again', async () => {
      const service = await panel.serviceWithGuest()
      await panel.configure(service, first4)
      await panel.driver.unassign(service, first4, panel.signal)
      await panel.configure(service, first4)
      expect(await panel.addressesOf(service.guest)).toEqual([first4])
    })

    it('does not mind that the guest is gone', async () => {
      const service = await panel.serviceWithGuest()
      await panel.configure(service, first4)
      await panel.subject.removeGuest(service.guest)
      await panel.driver.unassign(service, first4, panel.signal)
      expect(await panel.seen(service)).toBeUndefined()
    })

    it('does not mind that there never was a guest', async () => {
      const service = panel.service()
      await panel.driver.unassign(service, first4, panel.signal)
      expect(await panel.seen(service)).toBeUndefined()
    })

    if (contract.abilities.setsUp) {
      it('finds the guest that it made, when nobody heard its answer', async () => {
        const service = panel.service()
        const { guest } = await panel.configure(service, first4)
        await panel.driver.unassign(service, first4, panel.signal)
        expect(await panel.addressesOf(guest)).toEqual([])
      })
    }

    it('does nothing when it was told to stop before it began', async () => {
      const service = await panel.serviceWithGuest()
      await panel.configure(service, first4)
      const aborted = AbortSignal.abort(new Error('no longer wanted'))
      await expect(panel.driver.unassign(service, first4, aborted)).rejects.toThrow()
      await expect(panel.driver.addresses(service, aborted)).rejects.toThrow()
      expect(await panel.addressesOf(service.guest)).toEqual([first4])
    })
  })

  if (contract.abilities.guests) {
    describe('asked for all its guests', () => {
      const panel = usePanel(contract)

      const collect = async () => {
        const guests: PanelGuest[] = []
        for await (const guest of panel.driver.guests?.(panel.signal) ?? []) guests.push(guest)
        return new Map(guests.map(({ guest, addresses }) => [guest, addresses.sort()]))
      }

      it('tells what each of them really has', async () => {
        const [one, other] = [await panel.serviceWithGuest(), await panel.serviceWithGuest()]
        const empty = await panel.serviceWithGuest()
        await panel.configure(one, first4)
        await panel.configure(one, all6[0] ?? '')
        await panel.configure(other, more4[0] ?? '')
        expect(await collect()).toEqual(
          new Map([
            [one.guest, [first4, all6[0]].sort()],
            [other.guest, [more4[0]]],
            [empty.guest, []],
          ]),
        )
      })
    })
  }
}
