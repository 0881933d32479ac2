import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { IpamAbilities, IpamDriver } from '../../src/ipam/driver.ts'
import { changes } from './ipam-changes.ts'
import { faults } from './ipam-faults.ts'
import { listing } from './ipam-listing.ts'
import { requests } from './ipam-requests.ts'
import { useSubject } from './ipam-subject.ts'

/** Networks by the name of their pool (or group). */
export type Layout = Record<string, string>

/**
 * What can go wrong between a driver and an IPAM that it reaches over a network.
 * `busy`: it answers that it cannot just now, and has done nothing · `lost before`: the connection breaks before
 * it did anything · `lost after`: it does what it was asked, then the connection breaks without an answer ·
 * `empty answer`, `garbage answer`: it does nothing, and answers with a status of success and nothing, or
 * with a page of some proxy · `silence`: it does nothing and never answers
 */
export type IpamFault = 'busy' | 'lost before' | 'lost after' | 'empty answer' | 'garbage answer' | 'silence'

/** What the suite needs of an IPAM beyond its driver, where a network lies between the two. */
export interface Remote {
  /**
   * Lets the nth call from now on that changes something (or that only reads) meet the fault, once. Calls that
   * sign in count as neither.
   */
  fail(fault: IpamFault, on: 'change' | 'read', nth?: number): void
  /** Forgets a fault that no call has met. */
  heal(): void
  /** A driver for the same IPAM with a password that is wrong, and that password. */
  wrongPassword(): { driver: IpamDriver; password: string }
  /** A driver for an address where nothing listens. */
  unreachable(): IpamDriver
}

/** An IPAM of a test's own, and a driver for it. */
export interface IpamSubject {
  driver: IpamDriver
  /** Somebody else takes an address in the IPAM, behind our back, without any marker. */
  hold(address: Address): Promise<void>
  remote?: Remote
  close(): Promise<void>
}

export interface IpamContract {
  /** As `driver.name`. */
  name: string
  /** As `driver.abilities`: what it cannot do is declared here, and then tested to be refused. */
  abilities: IpamAbilities
  /** Whether a network lies between the driver and its IPAM: then the subject has `remote`. */
  network: boolean
  /** So many records do not fit into one page of the driver's listing; default: 30. */
  many?: number
  /** Makes an IPAM that holds nothing and has these pools. A released address must be free again at once. */
  make(layout: Layout): Promise<IpamSubject>
}

/** The suite that every IPAM driver passes. */
export function ipamContract(contract: IpamContract): void {
  describe(`The IPAM driver ${contract.name}`, () => {
    describe('as a whole', () => {
      const ipam = useSubject(contract)

      it('is named and able as it says', () => {
        expect(ipam.driver.name).toBe(contract.name)
        expect(ipam.driver.abilities).toEqual(contract.abilities)
        expect(ipam.subject.remote !== undefined).toBe(contract.network)
      })
    })
    requests(contract)
    changes(contract)
    listing(contract)
    if (contract.network) faults(contract)
  })
}
