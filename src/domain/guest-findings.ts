import type { Address } from './address.ts'
import type { Difference } from './findings.ts'

/** A service with what its guest should have, as the ledger says. */
export interface ServiceEntry {
  id: string
  guest: string | undefined
  /** What it holds: `settled` where it is in use and must be on the guest. */
  addresses: { assignmentId: string; address: Address; settled: boolean }[]
}

/** A guest with what it really has. */
export interface GuestEntry {
  guest: string
  addresses: readonly Address[]
}

export type GuestDifference = Difference & { address: Address; subject: string }

/**
 * Compares a service with its guest.
 * @param guest undefined where the panel has none for the service
 */
export function compareGuest(
  server: string,
  service: ServiceEntry,
  guest: GuestEntry | undefined,
): GuestDifference[] {
  const has = new Set(guest?.addresses)
  const assigned = new Set(service.addresses.map(({ address }) => address))
  const theirs = { server, guest: guest?.guest ?? null }
  const unconfigured = service.addresses
    .filter(({ address, settled }) => settled && !has.has(address))
    .map(({ address, assignmentId }) => ({
      class: 'unconfigured' as const,
      address,
      serviceId: service.id,
      assignmentId,
      ours: { assignmentId, serviceId: service.id, address },
      theirs,
      subject: `unconfigured ${address} ${service.id}`,
    }))
  const stray = [...has]
    .filter(address => !assigned.has(address) && !isLocal(address))
    .map(address => strayOn(server, guest?.guest ?? '', address, service.id))
  return [...unconfigured, ...stray]
}

/**
 * An address on a guest that it is not assigned to.
 * @param service the service of the guest, where it is known
 */
export function strayOn(
  server: string,
  guest: string,
  address: Address,
  service: string | undefined,
): GuestDifference {
  return {
    class: 'stray',
    address,
    ...(service === undefined ? {} : { serviceId: service }),
    ours: null,
    theirs: { server, guest },
    subject: `stray ${address} ${server} ${guest}`,
  }
}

/** What every machine gives itself: loopback, link-local and unspecified addresses, and multicast. */
export function isLocal(address: Address): boolean {
  return /^(127\.|169\.254\.|0\.0\.0\.0$|22[4-9]\.|23\d\.|::1?$|fe[89ab][0-9a-f]:|ff[0-9a-f]{2}:)/.test(
    address,
  )
}
