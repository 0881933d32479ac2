import { z } from 'zod'
import { AddressError, canonicalAddress } from '../domain/address.ts'
import { resolutions } from '../domain/conflict.ts'
import { messageTypes } from '../domain/delivery.ts'
import { findingClasses } from '../domain/findings.ts'
import { forwardChecks } from '../domain/forward-check.ts'
import { guarded } from '../domain/guarded.ts'
import { HostnameError, normalizeHostname } from '../domain/hostname.ts'
import { reconcileSettings } from '../domain/reconcile-settings.ts'
import { roles } from './actor.ts'

/** What operators may enter, checked the same way for the API and the command line. */

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'must be 1 to 63 letters, digits, dots, underscores and hyphens',
  )
const lowerName = name.regex(/^[^A-Z]*$/, 'must be in lower case')
const secret = z.string().min(1).max(500).meta({ description: 'write-only', writeOnly: true })
const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(500)
const settings = z.record(z.string(), z.unknown())
const address = z.string().transform(guarded(canonicalAddress, AddressError))
const hostname = z.string().transform(guarded(normalizeHostname, HostnameError))

export const connectionInput = z.strictObject({
  name: lowerName,
  driver: z.string().min(1).max(40),
  url: url.optional(),
  login: z.string().max(200).optional(),
  password: secret.optional(),
  adminlogin: z.string().max(200).optional(),
  adminpassword: secret.optional(),
  hiddentypes: z
    .array(z.string().min(1).max(100))
    .max(100)
    .optional()
    .meta({ description: 'groups to leave out' }),
  conflictPtr: hostname
    .optional()
    .meta({ description: 'the PTR that marks a conflict; default: dns.set.error' }),
  addressSpace: lowerName
    .optional()
    .meta({ description: 'addresses are unique within it; default: default' }),
  maxConcurrent: z.int().min(1).max(1000).optional().meta({ description: 'the most requests at once' }),
  tls: settings.optional().meta({ description: 'whom to trust: `ca`, `fingerprint`, `verify`' }),
  options: z
    .looseObject({
      reconcile: reconcileSettings.optional(),
      forwardCheck: z.enum(forwardChecks).optional().meta({
        description: 'whether names must lead back to their addresses; default: off',
      }),
    })
    .optional()
    .meta({ description: 'of the driver; `reconcile`: what reconciliation does about what differs' }),
})
export type ConnectionInput = z.output<typeof connectionInput>

export const connectionChange = connectionInput.omit({ name: true }).partial()

export const serverInput = z.strictObject({
  name,
  panel: z.string().min(1).max(40).default('none').meta({
    description: 'what runs its guests; none: addresses are configured by hand',
    example: 'vmmanager5',
  }),
  url: url.optional(),
  login: z.string().max(200).optional(),
  password: secret.optional(),
  connection: lowerName.default('builtin').meta({ description: 'the connection that manages its addresses' }),
  tls: settings.optional(),
  options: settings.optional().meta({
    description:
      '`pools`: a list of pool names that it is limited to; and what its panel takes, see its guide',
  }),
})
export type ServerInput = z.output<typeof serverInput>

/** Without the defaults: what a change does not name stays as it is. */
export const serverChange = serverInput
  .omit({ name: true })
  .extend({ panel: serverInput.shape.panel.unwrap(), connection: serverInput.shape.connection.unwrap() })
  .partial()

export const poolInput = z.strictObject({
  name,
  cidr: z.string().max(64).meta({ example: '192.0.2.0/24' }),
  gateway: address.optional(),
  exclude: z
    .array(z.string().min(1).max(100))
    .max(1000)
    .optional()
    .meta({ description: 'addresses, ranges a-b and networks that are never handed out' }),
  priority: z
    .int()
    .min(0)
    .max(100_000)
    .optional()
    .meta({ description: 'lower numbers are used first; default: 100' }),
  quarantineSeconds: z
    .int()
    .min(0)
    .max(31_536_000)
    .optional()
    .meta({ description: 'default: 86400, one day' }),
  lowWater: z
    .int()
    .min(0)
    .max(1_000_000_000)
    .optional()
    .meta({ description: 'below so many free addresses it is low' }),
  connection: lowerName.default('builtin'),
})
export type PoolInput = z.output<typeof poolInput>

export const poolChange = poolInput
  .pick({ exclude: true, priority: true, quarantineSeconds: true, lowWater: true })
  .extend({ gateway: address.nullable().meta({ description: 'null: it has none' }) })
  .partial()
export type PoolChange = z.output<typeof poolChange>

export const tokenInput = z
  .strictObject({
    name: z.string().min(1).max(100),
    role: z.enum(roles),
    client: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .meta({ description: 'for the role client: whose services it sees' }),
    expiresAt: z.iso.datetime({ offset: true }).optional(),
  })
  .superRefine((token, context) => {
    if ((token.role === 'client') !== (token.client !== undefined)) {
      const message =
        token.role === 'client' ? 'is needed for the role client' : 'is for the role client only'
      context.addIssue({ code: 'custom', path: ['client'], message })
    }
  })
export type TokenInput = z.output<typeof tokenInput>

export const webhookInput = z.strictObject({
  name: lowerName,
  url: url.meta({ description: 'where events are posted' }),
  types: z
    .array(z.enum(messageTypes))
    .max(messageTypes.length)
    .optional()
    .meta({ description: 'only events of these types; default: all of them' }),
  secret: z
    .string()
    .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'must be whsec_ and 24 to 64 bytes in base64')
    .optional()
    .meta({ description: 'default: a fresh one; write-only', writeOnly: true }),
  allowPrivate: z
    .boolean()
    .optional()
    .meta({ description: 'true: it may be in a private network; default: false' }),
})
export type WebhookInput = z.output<typeof webhookInput>

export const webhookChange = webhookInput
  .omit({ name: true, secret: true })
  .extend({ state: z.enum(['active', 'disabled']) })
  .partial()
export type WebhookChange = z.output<typeof webhookChange>

/** A billing core that is told in its own way. */
export const billingInput = z.strictObject({
  name: lowerName,
  kind: z.string().min(1).max(40).default('billmanager'),
  url: url.meta({ description: 'such as https://billing.example.net:1500/billmgr' }),
  login: z.string().min(1).max(200),
  password: secret,
  tls: settings.optional(),
  options: settings.optional(),
})
export type BillingInput = z.output<typeof billingInput>

export const billingChange = billingInput
  .omit({ name: true, kind: true })
  .extend({ state: z.enum(['active', 'disabled']) })
  .partial()
export type BillingChange = z.output<typeof billingChange>

/** An operator's decision about a conflict. */
export const conflictResolution = z.strictObject({
  resolution: z.enum(resolutions).meta({
    description:
      'holder: stays with whoever has it; claimant: goes to the one it was granted to; free: to nobody',
  }),
  reason: z.string().trim().min(1).max(500).meta({ description: 'why: for the audit' }),
})

/** Which messages are sent once more. */
export const replayInput = z
  .strictObject({
    since: z.iso.datetime({ offset: true }).optional().meta({ description: 'all that were written since' }),
    failed: z.literal(true).optional().meta({ description: 'all that failed for good' }),
    deliveries: z
      .array(z.string().regex(/^\d{1,18}$/, 'must be the id of a delivery'))
      .min(1)
      .max(1000)
      .optional(),
  })
  .refine(({ since, failed, deliveries }) => [since, failed, deliveries].filter(Boolean).length === 1, {
    error: 'give one of `since`, `failed` and `deliveries`',
  })
export type ReplayInput = z.output<typeof replayInput>

/** A service that exists already, with the addresses that it has. */
export const serviceInput = z.strictObject({
  id: z.string().min(1).max(200),
  kind: z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/, 'must be a lower-case word'),
  client: z.string().min(1).max(200),
  domain: hostname,
  server: name,
  guest: z.string().min(1).max(200).optional(),
  addresses: z.array(address).max(256).default([]),
})
export type ServiceInput = z.output<typeof serviceInput>

/** What a reviewer says about findings of a plan. */
export const decisionInput = z
  .strictObject({
    finding: z.uuid().optional(),
    address: address.optional(),
    class: z.enum(findingClasses).optional(),
    decision: z.enum(['accept', 'ignore']),
  })
  .refine(({ finding, address, class: kind }) => finding ?? address ?? kind, {
    error: 'give one of `finding`, `address` and `class`',
  })

export const ptrChange = z.strictObject({
  ptr: hostname.nullable().meta({ description: 'null removes the PTR', example: 'server1.example.net' }),
})
