import type { Address } from '../../domain/address.ts'
import type { Configured } from '../driver.ts'
import type { Guest } from './guest.ts'
import type { WantedAddress } from './nics.ts'

/** What a guest has, as far as Proxmox VE can tell. */
export interface Seen {
  /** By its configuration, and by its interfaces where it runs and they can be asked. */
  addresses: Address[]
  /** Its notes: the mark of the service that it was made for is in them. */
  notes: string
}

export interface GiveOptions {
  /** What a new guest brings from its template: it gives way to what it is given. */
  inherited: Address[]
}

/** How addresses are given to one kind of guest. Every call looks first, and reads back after. */
export interface KindOfGuest {
  look(guest: Guest, signal: AbortSignal): Promise<Seen>
  give(
    guest: Guest,
    wanted: WantedAddress,
    options: GiveOptions,
    signal: AbortSignal,
  ): Promise<Configured['applied']>
  take(guest: Guest, address: Address, signal: AbortSignal): Promise<void>
}
