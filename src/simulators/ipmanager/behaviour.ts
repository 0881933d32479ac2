import { z } from 'zod'
import { defaultPanelBehaviour, panelBehaviour } from '../coremanager/behaviour.ts'
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
  ...panelBehaviour,
  /** From where `authinfo` is accepted at all: addresses, `a-b` or networks. Default: everywhere. */
  restrictAuthinfo: z.array(z.string()).optional(),
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
  ...defaultPanelBehaviour,
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
