import type { Address } from '../domain/address.ts'
import type { Hostname } from '../domain/hostname.ts'
import type { AddressNetwork } from '../ipam/driver.ts'

/** What a panel is told about the service that it shall run. */
export interface PanelService {
  id: string
  /** `vps`, `dedicated`, `hosting` and the like. */
  kind: string
  client: string
  domain: string
  /** The service's id on the panel, once it is known: from billing, or from an earlier `configure`. */
  guest: string | undefined
  /** Parameters that billing passes through. */
  setup: Record<string, unknown>
}

/** An address as it shall be configured. */
export interface PanelAddress {
  address: Address
  ptr: Hostname | undefined
  /** `main` addresses come with the set-up; others are added to the guest. */
  main: boolean
  /** Its prefix length and gateway, where the IPAM knows them; else the server's options say. */
  network?: AddressNetwork
}

/** What came of configuring an address. */
export interface Configured {
  /** The guest that has the address now. ipbridge keeps it, so that later calls name it. */
  guest: string
  /** Whether the guest has it already, or gets it at its next start. */
  applied: 'now' | 'on reboot'
}

/** A guest as the panel lists it. */
export interface PanelGuest {
  guest: string
  /** The id of the service that the guest was set up for, where the panel shows it. */
  service?: string
  addresses: Address[]
}

/**
 * The port to a control panel. A driver is a function that takes its options and returns such an object. All
 * calls may be repeated: they look before they act, and read back after, since a panel's success is no proof.
 *
 * Every call ends in one of five ways: it returns (done), or it throws an IpbridgeError that says
 * `retry: 'never'` (panel_refused, bad_credentials), `retry: 'later'` (panel_unavailable: busy, locked, away, or
 * not as it said) or `outcome: 'unknown'`; what is already gone counts as done. test/contract/panel.ts is what
 * every driver passes.
 */
export interface PanelDriver {
  readonly name: string
  /** False where the panel has no interface: the address is handed to billing and configured by hand. */
  readonly automatic: boolean
  /** Whether it makes guests; else billing must name the guest of every service. */
  readonly setsUp: boolean
  /**
   * Makes sure that the service's guest has this address and keeps the others that it has. Without a known guest
   * it looks for the one that it made for this service (by name or mark), and makes one only where there is none.
   * @throws panel_refused where the guest that is named does not exist, or none is named and it makes none
   */
  configure(service: PanelService, address: PanelAddress, signal: AbortSignal): Promise<Configured>
  /** Takes the address off the guest. Success where guest or address are gone already, or never were. */
  unassign(service: PanelService, address: Address, signal: AbortSignal): Promise<void>
  /** What the guest really has; undefined where there is no guest (any more). */
  addresses(service: PanelService, signal: AbortSignal): Promise<Address[] | undefined>
  /** Only where the panel keeps PTRs of its own: sets the one of an address that the guest has; undefined removes it. */
  setPtr?(
    service: PanelService,
    address: Address,
    ptr: Hostname | undefined,
    signal: AbortSignal,
  ): Promise<void>
  /** Only where the panel can list: all guests with what they really have, in any order, for reconciliation. */
  guests?(signal: AbortSignal): AsyncIterable<PanelGuest>
  /** "Test connection". Never throws for what an administrator can mend: it says so. */
  check(signal: AbortSignal): Promise<PanelCheck>
}

export interface PanelCheck {
  ok: boolean
  version?: string
  /** What an administrator should know or mend, in plain words. */
  remarks: string[]
}
