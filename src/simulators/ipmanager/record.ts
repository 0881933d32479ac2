import type { Key } from '../coremanager/addresses.ts'

/**
 * What an address is at. The numbers are those of the panel's database (the fact sheet, 2.7); 3 for the time of
 * checking is a guess, because no source names it.
 */
export const statusNumbers = { free: 1, used: 2, checking: 3, blocked: 5, 'in-use': 6 } as const

export type Status = keyof typeof statusNumbers

/** What the panel knows of an address that is not free. */
export interface AddressRecord {
  /** The user who holds it; empty while it is checked or blocked. */
  owner: string
  /** The group that it was taken from. */
  iptype: string
  /** The PTR, with the dot at its end; empty for none. */
  domain: string
  note: string
  status: Exclude<Status, 'free'>
  /** Whether it is protected from being released. */
  protect: boolean
}

export interface Row extends AddressRecord {
  key: Key
}

/** An address as people and JSON write it. */
export interface ShownRecord extends AddressRecord {
  ip: string
}
