import { z } from 'zod'
import { refusalSchema } from '../coremanager/panel-error.ts'

/** How this panel spells what no source documents for certain (the fact sheet marks it as inferred). */
const wire = z.strictObject({
  /** Parameters of `ip.edit`, which are also columns of the list. */
  ip: z.string(),
  family: z.string(),
  iptype: z.string(),
  domain: z.string(),
  note: z.string(),
  owner: z.string(),
  status: z.string(),
  /** Where the answer to a request for an address names it; any of `ip`, `id`, `elid`, or none. */
  granted: z.array(z.string()),
})

/** What differs between panels, or is not known of them. May be changed while the simulator runs. */
export const behaviourSchema = z.strictObject({
  /** Whether a list with one row shows it bare, as was captured, or as an array of one. */
  oneRow: z.enum(['object', 'array']),
  /** How long a session lives without being used. */
  sessionSeconds: z.number(),
  /** Whether a session is good for the network address only that opened it. */
  bindSessions: z.boolean(),
  /** From where `authinfo` is accepted at all: addresses, `a-b` or networks. Default: everywhere. */
  restrictAuthinfo: z.array(z.string()).optional(),
  /** Rows a page where the caller names no `p_cnt`. */
  pageSize: z.number().int().positive(),
  /** The most rows that a page has, whatever `p_cnt` asks for. */
  largestPage: z.number().int().positive(),
  wire,
  /** The refusal when no address is free. Known variants: missed(ip), limit(ip), value(ip). */
  exhausted: refusalSchema,
  /** The type of the refusal when an address to be released is not the caller's (any more). */
  gone: z.enum(['missed', 'value']),
  /** Whether the panel keeps notes. If not, it ignores them and has no such column. */
  notes: z.boolean(),
  /** A released address is checked for so long before it is free. 0: it is free at once. */
  checkingSeconds: z.number(),
  /** Addresses, `a-b` or networks that are found on a blacklist when they are checked, and so end up blocked. */
  blacklisted: z.array(z.string()),
  /** Whether an administrator's list also shows the addresses that are free. */
  listsFree: z.boolean(),
  /** Whether a list is in the order of addresses or of their text: without `p_sort`, or even with it. */
  order: z.enum(['address', 'text', 'always text']),
  /** How text is searched for with a filter: anywhere in the field, as the whole field, or not at all. */
  filters: z.enum(['anywhere', 'whole', 'ignored']),
  /** How IPv6 addresses are written: as RFC 5952 wants it, with all zeros, or in capitals. */
  ipv6: z.enum(['short', 'full', 'upper']),
})

export type Behaviour = z.output<typeof behaviourSchema>

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
  filters: 'anywhere',
  ipv6: 'short',
}
