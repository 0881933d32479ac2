import type { Address } from '../domain/address.ts'
import type { Hostname } from '../domain/hostname.ts'

/** What a panel is told about the service that it shall run. */
export interface PanelService {
  id: string
  client: string
  domain: string
  /** The service's id on the panel, once it is known. */
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
}

/**
 * The port to a control panel. All calls are idempotent: they look before they act, and read back after.
 * A guest that is gone has no addresses.
 */
export interface PanelDriver {
  readonly name: string
  /** False where the panel has no interface: the address is handed to billing and configured by hand. */
  readonly automatic: boolean
  /** Sets the service up with this address, or makes sure that its guest has it. */
  configure(service: PanelService, address: PanelAddress, signal: AbortSignal): Promise<void>
  /** Takes the address off the guest. */
  unassign(service: PanelService, address: Address, signal: AbortSignal): Promise<void>
  /** What the guest really has; undefined where it no longer exists. */
  addresses(service: PanelService, signal: AbortSignal): Promise<Address[] | undefined>
  check(signal: AbortSignal): Promise<{ ok: boolean; version?: string; remarks: string[] }>
}
