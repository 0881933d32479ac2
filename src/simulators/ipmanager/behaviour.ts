import type { Ipv6Spelling } from '../coremanager/addresses.ts'
import type { Paging } from '../coremanager/list.ts'
import type { Refusal } from '../coremanager/panel-error.ts'
import type { ShellRules } from '../coremanager/shell.ts'

/** How this panel spells what no source documents for certain (the fact sheet marks it as inferred). */
export interface Wire {
  /** Parameters of `ip.edit`, which are also columns of the list. */
  ip: string
  family: string
  iptype: string
  domain: string
  note: string
  owner: string
  status: string
  /** Where the answer to a request for an address names it; any of `ip`, `id`, `elid`, or none. */
  granted: readonly string[]
}

/** What differs between panels, or is not known of them. May be changed while the simulator runs. */
export interface Behaviour extends ShellRules, Paging {
  wire: Wire
  /** The refusal when no address is free. Known variants: missed(ip), limit(ip), value(ip). */
  exhausted: Refusal
  /** The type of the refusal when an address to be released is not the caller's (any more). */
  gone: 'missed' | 'value'
  /** Whether the panel keeps notes. If not, it ignores them and has no such column. */
  notes: boolean
  /** A released address is checked for so long before it is free. 0: it is free at once. */
  checkingSeconds: number
  /** Addresses, `a-b` or networks that are found on a blacklist when they are checked, and so end up blocked. */
  blacklisted: readonly string[]
  /** Whether an administrator's list also shows the addresses that are free. */
  listsFree: boolean
  /** Whether a list without `p_sort` is in the order of addresses or of their text. */
  order: 'address' | 'text'
  ipv6: Ipv6Spelling
}

export const defaultBehaviour: Behaviour = {
  oneRow: 'object',
  sessionSeconds: 3_600,
  bindSessions: true,
  pageSize: 100,
  largestPage: 100_000,
  wire: {
    ip: 'ip',
    family: 'family',
    iptype: 'iptype',
    domain: 'domain',
    note: 'note',
    owner: 'owner',
    status: 'status',
    granted: ['ip', 'id'],
  },
  exhausted: { type: 'missed', object: 'ip' },
  gone: 'missed',
  notes: true,
  checkingSeconds: 0,
  blacklisted: [],
  listsFree: false,
  order: 'address',
  ipv6: 'short',
}
