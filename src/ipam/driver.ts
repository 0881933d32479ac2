import type { Address, Family } from '../domain/address.ts'
import type { Hostname } from '../domain/hostname.ts'
import type { Marker } from '../domain/marker.ts'

/**
 * The port to an IPAM. A driver is a function that takes its options and returns such an object.
 *
 * Every call ends in one of five ways: it returns (done, and read back where the IPAM allows), or it throws
 * an IpbridgeError that says `retry: 'never'`, `retry: 'later'` or `outcome: 'unknown'`; what is already gone
 * counts as done. test/contract/ipam.ts is what every driver passes.
 */
export interface IpamDriver {
  readonly name: string
  readonly abilities: IpamAbilities
  /** The record that carries the marker, if there is one: a grant whose answer we never heard. */
  findByMarker(marker: Marker, signal: AbortSignal): Promise<IpamRecord | undefined>
  /** What the IPAM holds at an address; undefined where nobody holds it. */
  read(address: Address, signal: AbortSignal): Promise<IpamRecord | undefined>
  /**
   * Asks for an address and has it marked. Not idempotent: an unknown outcome is resolved by findByMarker.
   * @throws pool_exhausted, no_such_pool, address_taken, address_outside_pools, ipam_busy and the like
   */
  request(want: AddressRequest, signal: AbortSignal): Promise<IpamRecord>
  /** Sets the PTR of an address that we hold; undefined removes it. */
  setPtr(held: Held, ptr: Hostname | undefined, signal: AbortSignal): Promise<void>
  /**
   * Gives the address back. Already free is success.
   * @throws record_not_ours where the record no longer carries our marker
   */
  release(held: Held, signal: AbortSignal): Promise<void>
  /**
   * Everything that is held, ascending by address.
   * @param after only what comes after this address is wanted. A driver that cannot begin there begins at the start.
   */
  list(signal: AbortSignal, after?: Address): AsyncIterable<IpamRecord>
  /** "Test connection". Never throws for what an administrator can mend: it says so. */
  check(signal: AbortSignal): Promise<ConnectionCheck>
  /**
   * Enters addresses that services have already, each under its marker. What is entered is left alone; what
   * somebody else holds too. Optional: where it is missing, an import leaves it to reconciliation.
   */
  adopt?(records: readonly AdoptedRecord[], signal: AbortSignal): Promise<void>
  /**
   * Makes a record that is held ours: writes our marker and the owner into it. Optional: where it is missing,
   * records that are not marked can only be told of.
   * @param held.from markers that the record may carry until now, when it passes from one service to another
   * @throws record_not_ours where the record is marked with another marker, or where nobody holds the address
   */
  claim?(held: Held & { owner: string; from?: readonly Marker[] }, signal: AbortSignal): Promise<void>
}

/** An address that a service had before ipbridge came. */
export interface AdoptedRecord extends Held {
  owner: string
  ptr: Hostname | null
}

export interface IpamAbilities {
  /** Whether a marker can be looked up, or only be found by listing. */
  reads: 'marker' | 'list'
  pools: boolean
  ptr: boolean
  requestsSpecific: boolean
}

export interface AddressRequest {
  marker: Marker
  family: Family
  /** Service and slot: who may have the address back while it is in quarantine. */
  owner: string
  /** This address and no other. */
  requested?: Address
  /** Only from these pools or groups. */
  pools?: readonly string[]
  /** The PTR that it will have: some IPAMs take it along with the request, which saves calls. Others leave it. */
  ptr?: Hostname
}

/** An address that we hold, and the marker that proves it: the fence against acting on someone else's. */
export interface Held {
  address: Address
  marker: Marker
}

/** What a guest needs to know to use an address. */
export interface AddressNetwork {
  /** The length of the prefix, such as 24. */
  prefix: number
  gateway?: Address
}

export interface IpamRecord {
  address: Address
  /** Our marker, wherever the IPAM keeps it. */
  marker?: Marker
  ptr?: Hostname
  owner?: string
  /** The pool or group that it comes from. */
  pool?: string
  /** Where the IPAM knows it. */
  network?: AddressNetwork
}

export interface ConnectionCheck {
  ok: boolean
  version?: string
  pools: { name: string; total: string; used: number; quarantined: number; free: string }[]
  /** What an administrator should know or mend, in plain words. */
  remarks: string[]
}
