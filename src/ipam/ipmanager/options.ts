import { z } from 'zod'
import { signInModes } from '../../coremanager/account.ts'
import { formats } from '../../coremanager/client.ts'
import { AddressError, canonicalAddress } from '../../domain/address.ts'
import { guarded } from '../../domain/guarded.ts'
import { tlsSettings } from '../../http/tls.ts'
import { commonOptions } from '../settings.ts'
import { checkNetwork } from './networks.ts'

const word = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,60}$/, 'must be letters, digits, dots, hyphens or underscores')
const group = z.string().min(1).max(100)
const statuses = z.array(z.string().min(1).max(40)).max(20)
const refusal = z
  .string()
  .regex(/^[a-z_]+(\([\w.]*\))?$/, 'must be the type of a refusal and its object, such as missed(ip)')

/**
 * What the vendor's public pages do not say for certain (facts, sections 1.7, 2 and 10), with the likeliest value.
 * "Test connection" tells which of it the live panel confirms.
 */
const namesSchema = z.strictObject({
  /** Parameters of `ip.edit`, which are also the columns of the list `ip`. */
  ip: word.default('ip'),
  family: word.default('family'),
  group: word.default('iptype'),
  ptr: word.default('domain'),
  note: word.default('note'),
  /** What only administrators see. */
  owner: word.default('owner'),
  status: word.default('status'),
  /** Fields of the answer to a request that may hold the address; none: it is found by comparing lists. */
  reply: z.array(word).max(10).default(['ip', 'id', 'elid']),
  /** Functions for administrators, and their fields. */
  rights: word.default('user.perm'),
  rightsRange: word.default('iprange'),
  rightsGroup: word.default('iptype'),
  version: word.default('license.info'),
})

/** `options` of a connection to IPmanager 5. */
export const optionsSchema = z.strictObject({
  groups: z
    .array(group)
    .max(100)
    .default(['public'])
    .meta({ description: 'groups that addresses are taken from, in this order; none: the panel chooses' }),
  signIn: z.enum(signInModes).default('authinfo'),
  format: z.enum(formats).default('json'),
  marker: z
    .enum(['note', 'ptr'])
    .default('note')
    .meta({ description: 'ptr: the panel cannot hold a note; requests go one at a time then' }),
  lookup: z.enum(['auto', 'filter', 'list']).default('auto').meta({
    description: 'how a marker is looked for; auto: with a filter, once that has been seen to work',
  }),
  pageSize: z.int().min(20).max(100_000).default(2_000),
  timeoutSeconds: z.int().min(1).max(600).default(60),
  ptrDot: z.boolean().default(true).meta({ description: 'whether names are sent with a dot at their end' }),
  networks: z
    .array(
      z.strictObject({
        cidr: z.string().refine(checkNetwork, 'must be a network such as 192.0.2.0/24'),
        gateway: z.string().transform(guarded(canonicalAddress, AddressError)).optional(),
      }),
    )
    .max(10_000)
    .default([])
    .meta({ description: 'prefix and gateway for guests, which the panel does not tell' }),
  exhausted: z.array(refusal).min(1).max(20).default(['missed(ip)', 'limit(ip)', 'value(ip)']),
  statuses: z
    .strictObject({
      free: statuses.default(['1']),
      checking: statuses.default(['3']),
      blocked: statuses.default(['5']),
    })
    .prefault({}),
  names: namesSchema.prefault({}),
  ...commonOptions,
})

const text = z.string().min(1, 'is missing')

/** All that the driver takes of a connection. */
export const settingsSchema = z.object({
  url: z.url({
    protocol: /^https?$/,
    error: 'must be the URL of the panel, such as https://ipm.example.net:1500/ipmgr',
  }),
  login: text,
  password: text,
  adminlogin: text.optional(),
  adminpassword: text.optional(),
  tls: tlsSettings,
  options: optionsSchema,
})

export type Options = z.output<typeof optionsSchema>
export type Names = z.output<typeof namesSchema>
