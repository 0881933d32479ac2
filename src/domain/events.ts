import { z } from 'zod'
import { AddressError, canonicalAddress, familyFromName, familyOf } from './address.ts'
import { guarded } from './guarded.ts'
import { HostnameError, normalizeHostname } from './hostname.ts'
import { findUnstorable } from './storable.ts'

/** The most addresses that one event may ask for. */
export const maxCount = 256

const address = z
  .string()
  .max(64)
  .transform(guarded(canonicalAddress, AddressError))
  .meta({ description: 'one host address', example: '192.0.2.7' })

const hostname = z
  .string()
  .max(1000)
  .transform(guarded(normalizeHostname, HostnameError))
  .meta({ description: 'a host name; internationalised names are accepted', example: 'server1.example.net' })

const identifier = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\s\p{C}]+$/u, 'must not contain spaces or control characters')

const serviceId = identifier.meta({ description: "billing's id of the service", example: '10542' })

/** Events other than `service.created` name the service by its id, alone or in an object. */
const serviceReference = z.union([serviceId, z.strictObject({ id: serviceId }).transform(({ id }) => id)])

const family = z.enum(['ipv4', 'ipv6'])
const pool = identifier.max(63).meta({ description: 'a pool of the built-in IPAM, or a group of the IPAM' })
const order = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be letters, digits, dots, underscores and hyphens')

const wanted = {
  family,
  count: z.int().min(1).max(maxCount).default(1),
  ptr: hostname.nullish().meta({ description: "default: the service's domain; null: no PTR" }),
  requested: address.optional().meta({ description: 'this address and no other' }),
  pool: pool.optional(),
}

const addressWanted = z.strictObject(wanted).superRefine(requestedFits)

const service = z.strictObject({
  id: serviceId,
  kind: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,39}$/, 'must be a lower-case word such as vps, dedicated, hosting or license'),
  client: identifier.meta({ description: "billing's id of the client who owns the service" }),
  domain: hostname,
  server: identifier.max(63).meta({ description: 'the name of a server that ipbridge knows' }),
  guest: identifier.optional().meta({ description: "the service's id on the server's panel" }),
  setup: z
    .record(z.string(), z.unknown())
    .superRefine(isStorable)
    .optional()
    .meta({ description: 'passed to the panel as it is' }),
})

export const eventData = {
  'service.created': z.strictObject({
    service,
    addresses: z
      .array(addressWanted)
      .min(1)
      .max(16)
      .superRefine(fitTogether)
      .optional()
      .meta({ description: 'default: one IPv4 address' }),
  }),
  'ip.ordered': z.strictObject({ service: serviceReference, order, ...wanted }).superRefine(requestedFits),
  'ip.cancelled': z
    .strictObject({ service: serviceReference, order: order.optional(), address: address.optional() })
    .superRefine((data, context) => {
      if ((data.order === undefined) !== (data.address === undefined)) return
      const both = data.order !== undefined
      const message = both
        ? 'must not come together with `address`'
        : 'or `address` must say what is cancelled'
      context.addIssue({ code: 'custom', path: ['order'], message })
    }),
  'service.deleted': z.strictObject({ service: serviceReference }),
  'ptr.changed': z.strictObject({
    address,
    ptr: hostname.nullable().meta({ description: 'null removes the PTR' }),
    service: serviceReference.optional(),
  }),
}

export type EventType = keyof typeof eventData
export const eventTypes = Object.keys(eventData) as EventType[]

/** CloudEvents 1.0 section 2.1: text without control characters. */
const attribute = z
  .string()
  .min(1)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters')

/** The attributes that every event has (CloudEvents 1.0). Extension attributes are accepted and ignored. */
const envelope = {
  specversion: z.literal('1.0'),
  id: attribute.max(200),
  source: attribute.max(300).meta({ example: '/billing/eu' }),
  time: z.iso
    .datetime({ offset: true })
    .optional()
    .meta({ description: 'when it happened; default: when it arrives' }),
  sequence: z
    .union([z.string().regex(/^\d{1,30}$/, 'must be decimal digits'), z.int().min(0).transform(String)])
    .optional()
    .meta({ description: 'orders the events of one source more finely than `time`' }),
  subject: z.string().max(300).optional(),
  datacontenttype: z.literal('application/json').optional(),
}

const typed = <T extends EventType>(type: T) =>
  z.looseObject({ ...envelope, type: z.literal(type), data: eventData[type] })

/** One message of billing, as CloudEvents JSON. */
export const eventSchema = z.discriminatedUnion('type', [
  typed('service.created'),
  typed('ip.ordered'),
  typed('ip.cancelled'),
  typed('service.deleted'),
  typed('ptr.changed'),
])

export type EventData = { [T in EventType]: z.output<(typeof eventData)[T]> }
export type AddressWanted = z.output<typeof addressWanted>

/** What a billing core writes down: an event before any normalisation. */
export type EventInput = z.input<typeof eventSchema>

/** A checked and normalised event. */
export type BillingEvent = {
  [T in EventType]: {
    id: string
    source: string
    type: T
    time: Date
    /** Whether `time` is when it arrived, because the event did not say. */
    undated?: true
    sequence?: string
    data: EventData[T]
  }
}[EventType]

/** What one event asks for must be possible as a whole. */
function fitTogether(
  addresses: { count: number; requested?: string | undefined }[],
  context: z.RefinementCtx,
): void {
  const total = addresses.reduce((sum, { count }) => sum + count, 0)
  if (total > maxCount && addresses.every(({ count }) => count <= maxCount)) {
    const message = `asks for ${total} addresses together; one event may ask for at most ${maxCount}`
    context.addIssue({ code: 'custom', message })
  }
  for (const [index, { requested }] of addresses.entries()) {
    if (requested === undefined || addresses.findIndex(a => a.requested === requested) === index) continue
    context.addIssue({ code: 'custom', path: [index, 'requested'], message: 'must not be requested twice' })
  }
}

function isStorable(setup: Record<string, unknown>, context: z.RefinementCtx): void {
  const found = findUnstorable(setup)
  if (found) context.addIssue({ code: 'custom', ...found })
}

function requestedFits(
  data: { family: 'ipv4' | 'ipv6'; count: number; requested?: string | undefined },
  context: z.RefinementCtx,
): void {
  if (data.requested === undefined) return
  if (data.count !== 1) {
    context.addIssue({
      code: 'custom',
      path: ['count'],
      message: 'must be 1 where `requested` names the address',
    })
  }
  if (familyOf(data.requested) !== familyFromName(data.family)) {
    const message = `must be an ${data.family} address, as \`family\` says`
    context.addIssue({ code: 'custom', path: ['requested'], message })
  }
}
