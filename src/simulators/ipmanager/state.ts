import type { Account } from '../coremanager/panel.ts'
import type { Behaviour } from './behaviour.ts'
import type { HistoryEntry } from './history.ts'
import type { AddressRecord } from './record.ts'

/** A right of an ordinary user: to take addresses of a range, into a group. */
export interface Right {
  /** An address, `a-b` or `net/mask`. */
  range: string
  iptype: string
}

export interface IpmanagerUser extends Account {
  rights: Right[]
  /** Ranges of which the user gets an address only when it names the address or the network. */
  hidden: string[]
  /** The most addresses that the user may hold. */
  limit?: number
}

export interface Network {
  cidr: string
  gateway?: string
}

export interface Group {
  name: string
  /** How people see it, where that differs: then the answers carry the name as `$orig`. */
  label?: string
}

/** An address that is not free from the beginning. */
export type AddressSeed = { ip: string; owner: string; iptype: string } & Partial<AddressRecord>

/**
 * Many addresses at once: every address of the range, in order. In `domain` and `note`, `{n}` is the address's
 * number (from `from`, default 0), `{n:12}` the same with zeros in front, `{ip}` the address.
 */
export type Fill = { range: string; from?: number; owner: string; iptype: string } & Partial<AddressRecord>

/** All that a simulator begins with. It is JSON. */
export interface IpmanagerState {
  networks: Network[]
  groups: Group[]
  users: IpmanagerUser[]
  addresses?: AddressSeed[]
  fills?: Fill[]
  behaviour?: Partial<Behaviour>
  history?: HistoryEntry[]
}

/** Something to begin with: two IPv4 networks, an IPv6 network, an administrator and a user for billing. */
export const exampleState: IpmanagerState = {
  networks: [
    { cidr: '203.0.113.0/24', gateway: '203.0.113.1' },
    { cidr: '198.51.100.0/24', gateway: '198.51.100.1' },
    { cidr: '2001:db8:5::/64', gateway: '2001:db8:5::1' },
  ],
  groups: [{ name: 'public', label: 'Public addresses' }, { name: 'alias' }],
  users: [
    { name: 'bill_admin', password: 'admin-password', level: 29, rights: [], hidden: [] },
    {
      name: 'bill',
      password: 'bill-password',
      level: 16,
      rights: [
        { range: '203.0.113.0/24', iptype: 'public' },
        { range: '198.51.100.0/25', iptype: 'alias' },
        { range: '2001:db8:5::/64', iptype: 'public' },
      ],
      hidden: ['203.0.113.240/28'],
    },
  ],
}
