import { z } from 'zod'
import { parseKey, parseRange } from '../coremanager/addresses.ts'
import { type Behaviour, behaviourSchema } from './behaviour.ts'
import type { HistoryEntry } from './history.ts'

const address = z.string().refine(text => parseKey(text) !== undefined, 'must be an address')
const range = z
  .string()
  .refine(
    text => parseRange(text) !== undefined,
    'must be an address, a-b (no blanks, ascending) or net/mask',
  )

/** A right of an ordinary user: to take addresses of a range, into a group. */
const right = z.strictObject({ range, iptype: z.string() })

export const userSchema = z.strictObject({
  name: z.string().min(1),
  password: z.string(),
  /** 30 root, 29 administrator, 16 user. */
  level: z.number().default(16),
  /** From where `authinfo` is accepted. Default: everywhere. */
  apiFrom: z.array(range).optional(),
  /** From where the account may sign in at all. Default: everywhere. */
  panelFrom: z.array(range).optional(),
  rights: z.array(right).default([]),
  /** Ranges of which the user gets an address only when it names the address or the network. */
  hidden: z.array(range).default([]),
  /** The most addresses that the user may hold. */
  limit: z.number().optional(),
})

const network = z.strictObject({ cidr: range, gateway: address.optional() })

/** A group. `label` is how people see it, where that differs: then the answers carry the name as `$orig`. */
const group = z.strictObject({ name: z.string().min(1), label: z.string().optional() })

const held = {
  owner: z.string(),
  iptype: z.string(),
  domain: z.string().optional(),
  note: z.string().optional(),
  status: z.enum(['used', 'checking', 'blocked', 'in-use']).optional(),
  protect: z.boolean().optional(),
}

/** An address that is not free from the beginning. */
export const seedSchema = z.strictObject({ ip: address, ...held })

/**
 * Many addresses at once: every address of the range, in order. In `domain` and `note`, `{n}` is the address's
 * number (from `from`, default 0), `{n:12}` the same with zeros in front, `{ip}` the address.
 */
export const fillSchema = z.strictObject({ range, from: z.number().optional(), ...held })

/** All that a simulator begins with, as its file holds it. What is left out comes from the example. */
export const stateSchema = z.strictObject({
  networks: z.array(network).optional(),
  groups: z.array(group).optional(),
  users: z.array(userSchema).optional(),
  addresses: z.array(seedSchema).optional(),
  fills: z.array(fillSchema).optional(),
  behaviour: behaviourSchema.partial().optional(),
  history: z.array(z.looseObject({ seq: z.number() })).optional(),
  tls: z.strictObject({ cert: z.string(), key: z.string() }).optional(),
})

export type IpmanagerUser = z.output<typeof userSchema>
/** A user as it may be written down, without what is usual. */
export type UserSeed = z.input<typeof userSchema>
export type Network = z.output<typeof network>
export type Group = z.output<typeof group>
export type AddressSeed = z.output<typeof seedSchema>
export type Fill = z.output<typeof fillSchema>

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
