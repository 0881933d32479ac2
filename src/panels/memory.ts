import type { Address } from '../domain/address.ts'
import type { Hostname } from '../domain/hostname.ts'
import { IpbridgeError } from '../errors.ts'
import type { PanelDriver, PanelService } from './driver.ts'

/** A guest in the books of the memory panel. */
export interface MemoryGuest {
  /** The id of the service that it was made for; empty where somebody else made it. */
  service: string
  addresses: Map<Address, Hostname | undefined>
}

/**
 * A panel that forgets everything with the process: the smallest complete driver, for whoever writes one, and
 * what the processors are tested on.
 */
export function memoryPanel(): PanelDriver & {
  /** The books themselves, by guest, so that a test can see them and change them behind ipbridge's back. */
  books: Map<string, MemoryGuest>
} {
  const books = new Map<string, MemoryGuest>()

  /** The guest that is named, or else the one that was made for the service. */
  function find(service: PanelService): string | undefined {
    if (service.guest !== undefined) return books.has(service.guest) ? service.guest : undefined
    return [...books].find(([, guest]) => guest.service === service.id)?.[0]
  }

  function setUp(service: PanelService): string {
    if (service.guest !== undefined) {
      throw new IpbridgeError(
        'panel_refused',
        `there is no guest ${service.guest}, which service ${service.id} names`,
      )
    }
    const guest = `guest-${service.id}`
    books.set(guest, { service: service.id, addresses: new Map() })
    return guest
  }

  return {
    name: 'memory',
    automatic: true,
    setsUp: true,
    books,

    async configure(service, { address, ptr }, signal) {
      signal.throwIfAborted()
      const guest = find(service) ?? setUp(service)
      books.get(guest)?.addresses.set(address, ptr)
      return { guest, applied: 'now' }
    },
    async unassign(service, address, signal) {
      signal.throwIfAborted()
      books.get(find(service) ?? '')?.addresses.delete(address)
    },
    async addresses(service, signal) {
      signal.throwIfAborted()
      const known = books.get(find(service) ?? '')
      return known && [...known.addresses.keys()]
    },
    async setPtr(service, address, ptr, signal) {
      signal.throwIfAborted()
      const known = books.get(find(service) ?? '')
      if (!known?.addresses.has(address)) {
        throw new IpbridgeError(
          'panel_refused',
          `the guest of service ${service.id} does not have ${address}`,
        )
      }
      known.addresses.set(address, ptr)
    },
    async *guests(signal) {
      for (const [guest, { service, addresses }] of books) {
        signal.throwIfAborted()
        const mark = service === '' ? {} : { service }
        yield { guest, ...mark, addresses: [...addresses.keys()] }
      }
    },
    async check() {
      return { ok: true, remarks: [] }
    },
  }
}
