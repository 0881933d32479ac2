import { z } from 'zod'

// What is read of the answers of Proxmox VE. Numbers come as text at times, and versions add fields.

const number = z.coerce.number()
const flag = z.union([z.boolean(), z.coerce.number().transform(value => value !== 0)])

export const ticketAnswer = z.object({ ticket: z.string().min(1), CSRFPreventionToken: z.string().min(1) })

export const version = z.object({ version: z.string() })

export const permissions = z.record(z.string(), z.record(z.string(), z.unknown()))

export const nodes = z.array(z.object({ node: z.string(), status: z.string().optional() }))

export const resources = z.array(
  z.object({
    type: z.string(),
    vmid: number.optional(),
    node: z.string().optional(),
    name: z.string().optional(),
    lock: z.string().optional(),
    template: flag.optional(),
  }),
)

export const status = z.object({ status: z.string() })

/** The configuration of a guest: `digest` says which version of it this is. */
export const config = z.object({ digest: z.string().optional() }).catchall(z.unknown())
export type Config = z.output<typeof config>

export const ipset = z.array(z.object({ name: z.string() }))

export const ipsetEntries = z.array(z.object({ cidr: z.string() }))

export const task = z.object({ status: z.string(), exitstatus: z.string().optional() })

const interfaceAddresses = z
  .array(z.object({ 'ip-address': z.string().optional() }))
  .nullish()
  .transform(list => (list ?? []).flatMap(entry => entry['ip-address'] ?? []))

/** LXC: `inet` and `inet6` hold one address each; newer versions list all of them. */
export const interfaces = z
  .array(
    z.object({
      name: z.string(),
      inet: z.string().optional(),
      inet6: z.string().optional(),
      'ip-addresses': interfaceAddresses,
    }),
  )
  .nullable()

export const agentInterfaces = z.object({
  result: z.array(z.object({ name: z.string(), 'ip-addresses': interfaceAddresses })),
})

/** What of the cloud-init drive is not yet as the configuration says. */
export const cloudinit = z.array(
  z
    .object({ key: z.string(), pending: z.unknown(), delete: z.unknown() })
    .partial({ pending: true, delete: true }),
)

export const nextId = number
