import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach } from 'vitest'
import { type Address, compareAddresses, familyOf } from '../../src/domain/address.ts'
import type { PanelAddress, PanelDriver, PanelService } from '../../src/panels/driver.ts'
import type { PanelContract, PanelRemote, PanelSubject } from './panel.ts'

const signal = new AbortController().signal

/** The addresses that the suite configures, as the IPAM would have given them. */
export const first4 = '192.0.2.10'
export const more4 = ['192.0.2.11', '192.0.2.12', '192.0.2.13']
export const all6 = ['2001:db8:0:1::10', '2001:db8:0:1::11']

export function wantedAddress(address: Address, more: Partial<PanelAddress> = {}): PanelAddress {
  const network =
    familyOf(address) === 4
      ? { prefix: 24, gateway: '192.0.2.1' }
      : { prefix: 64, gateway: '2001:db8:0:1::1' }
  return { address, ptr: 'web.example.net', main: address === first4, network, ...more }
}

/** A panel for each test of the block that calls this. */
export function usePanel(contract: PanelContract) {
  let subject: PanelSubject
  beforeEach(async () => {
    subject = await contract.make()
  })
  afterEach(() => subject.close())

  return {
    signal,
    get subject(): PanelSubject {
      return subject
    },
    get driver(): PanelDriver {
      return subject.driver
    },
    get remote(): PanelRemote {
      if (subject.remote === undefined) throw new Error(`the subject of ${contract.name} has no remote`)
      return subject.remote
    },
    /** A service as billing tells of it; without a guest unless one is given. */
    service(guest?: string): PanelService {
      const id = `s-${randomUUID().slice(0, 8)}`
      const setup = contract.setup ?? {}
      return { id, kind: 'vps', client: 'c-1', domain: `${id}.example.net`, guest, setup }
    },
    /** A service whose guest is on the panel. */
    async serviceWithGuest(): Promise<PanelService & { guest: string }> {
      const guest = await subject.addGuest()
      return { ...this.service(guest), guest }
    },
    configure(service: PanelService, address: Address, more: Partial<PanelAddress> = {}) {
      return subject.driver.configure(service, wantedAddress(address, more), signal)
    },
    /** By the panel's own books, in order. */
    async addressesOf(guest: string): Promise<Address[]> {
      return (await subject.addressesOf(guest)).sort(compareAddresses)
    },
    /** By the driver, in order; undefined where the guest is gone. */
    async seen(service: PanelService): Promise<Address[] | undefined> {
      return (await subject.driver.addresses(service, signal))?.sort(compareAddresses)
    },
  }
}

export type Panel = ReturnType<typeof usePanel>
