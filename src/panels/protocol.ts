import type { Address } from '../domain/address.ts'
import type { Hostname } from '../domain/hostname.ts'
import type { PanelAddress, PanelCheck, PanelGuest, PanelService } from './driver.ts'

/** An address that a guest has, as the panel lists it. */
export interface PanelRow {
  address: Address
  /** undefined: none */
  ptr: Hostname | undefined
}

/**
 * What one panel's interface can do, call by call. `verified` makes a driver of it, which looks before it acts and
 * reads back after: nothing here needs to.
 */
export interface PanelProtocol<G extends { id: string }, R extends PanelRow> {
  name: string
  /** What people call it, as messages begin: `VMmanager 6 of server node1`. */
  whom: string
  /** Whether the PTR of an address is kept on the panel, and so is ours to write. */
  keepsPtrs: boolean
  /** How long a change may take to be seen, in milliseconds. */
  patienceMs: number
  /** The guest that the service names, or else the one that was made for it. */
  find(service: PanelService, signal: AbortSignal): Promise<G | undefined>
  /** The addresses of a guest. May refuse where the guest has gone since. */
  rows(guest: G, signal: AbortSignal): Promise<R[]>
  /** Makes a guest with this address, so that `find` finds it; only where the panel makes guests. */
  make?(service: PanelService, wanted: PanelAddress, signal: AbortSignal): Promise<void>
  add(guest: G, wanted: PanelAddress, signal: AbortSignal): Promise<void>
  remove(guest: G, row: R, signal: AbortSignal): Promise<void>
  rename(guest: G, row: R, ptr: Hostname | undefined, signal: AbortSignal): Promise<void>
  /** All guests with what they have. */
  guests(signal: AbortSignal): AsyncIterable<PanelGuest>
  /** Signs in and looks around. Whatever is wrong is thrown. @returns what an administrator should know */
  inspect(signal: AbortSignal): Promise<Omit<PanelCheck, 'ok'>>
}
