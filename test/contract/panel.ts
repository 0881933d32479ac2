import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { PanelDriver } from '../../src/panels/driver.ts'
import { configuring } from './panel-configuring.ts'
import { panelFaults } from './panel-faults.ts'
import { usePanel } from './panel-subject.ts'
import { takingOff } from './panel-taking-off.ts'

/**
 * What can go wrong between a driver and a panel that it reaches over a network.
 * `busy`: it answers that it, or the guest, is busy or locked, and has done nothing · `stale`: somebody else changes
 * the guest between our look and our change; only for panels that notice · `lost before`: the connection breaks
 * before it did anything · `lost after`: it does what it was asked, then the connection breaks without an answer ·
 * `says success`: it answers as always, but has done nothing · `empty answer`, `garbage answer`: it does nothing,
 * and answers with a status of success and nothing, or with a page of some proxy · `silence`: it does
 * nothing and never answers
 */
export type PanelFault =
  | 'busy'
  | 'stale'
  | 'lost before'
  | 'lost after'
  | 'says success'
  | 'empty answer'
  | 'garbage answer'
  | 'silence'

/** What the suite needs of a panel beyond its driver, where a network lies between the two. */
export interface PanelRemote {
  /**
   * Lets the nth call from now on that changes something (or that only reads) meet the fault, once. Calls that
   * sign in, or that ask how a task is getting on, count as neither.
   */
  fail(fault: PanelFault, on: 'change' | 'read', nth?: number): void
  /** Forgets a fault that no call has met. */
  heal(): void
  /** A driver for the same panel with a password (or token) that is wrong, and that password. */
  wrongPassword(): { driver: PanelDriver; password: string }
  /** A driver for an address where nothing listens. */
  unreachable(): PanelDriver
}

/** A panel of a test's own, a driver for it, and its books, read without the driver's help. */
export interface PanelSubject {
  driver: PanelDriver
  /** Makes a guest on the panel, without addresses, as people do. @returns its id */
  addGuest(): Promise<string>
  /** Deletes a guest on the panel. */
  removeGuest(guest: string): Promise<void>
  /** The ids of all guests. */
  guests(): Promise<string[]>
  /** What a guest has, by the panel's own books. */
  addressesOf(guest: string): Promise<Address[]>
  /** The PTR of a guest's address by the panel's own books; only where the driver has `setPtr`. */
  ptrOf?(guest: string, address: Address): Promise<string | undefined>
  remote?: PanelRemote
  close(): Promise<void>
}

export interface PanelContract {
  /** As `driver.name`. */
  name: string
  /** What of the panel this is about, where there are several kinds of guests. */
  about?: string
  /** What it can do is declared here, and tested to be so. */
  abilities: { setsUp: boolean; ptr: boolean; guests: boolean }
  /** When a change is in force. */
  applied: 'now' | 'on reboot'
  /** Whether a network lies between the driver and its panel: then the subject has `remote`. */
  network: boolean
  /** Whether the panel notices that somebody else changed what we change; default: false. */
  noticesStale?: boolean
  /** What `service.created` must pass through in `setup` for a guest to be made; default: nothing. */
  setup?: Record<string, unknown>
  /** How many IPv4 and IPv6 addresses a guest of it can have; default: 3 and 2. */
  most?: { ipv4: number; ipv6: number }
  make(): Promise<PanelSubject>
}

/** The suite that every panel driver passes. */
export function panelContract(contract: PanelContract): void {
  describe(`The panel driver ${[contract.name, contract.about].filter(Boolean).join(' with ')}`, () => {
    describe('as a whole', () => {
      const panel = usePanel(contract)

      it('is named and able as it says', () => {
        const { driver, subject } = panel
        expect(driver.name).toBe(contract.name)
        expect(driver.automatic).toBe(true)
        const { setsUp } = driver
        const abilities = { setsUp, ptr: driver.setPtr !== undefined, guests: driver.guests !== undefined }
        expect(abilities).toEqual(contract.abilities)
        expect(subject.remote !== undefined).toBe(contract.network)
        expect(subject.ptrOf !== undefined).toBe(contract.abilities.ptr)
      })

      it('is well when an administrator tests it', async () => {
        const { ok, remarks } = await panel.driver.check(panel.signal)
        expect(ok).toBe(true)
        for (const remark of remarks) expect(remark).toMatch(/\w+ \w+/)
      })
    })
    configuring(contract)
    takingOff(contract)
    if (contract.network) panelFaults(contract)
  })
}
