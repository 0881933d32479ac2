import { z } from 'zod'
import { faultsOf } from '../../domain/faults.ts'
import { IpbridgeError } from '../../errors.ts'
import type { PanelService } from '../driver.ts'
import type { Params } from './api.ts'
import { guestKinds } from './guest.ts'

const vmid = z.coerce.number().int().min(100).max(999_999_999)

/** What `setup` says to us; the rest of it is passed through to Proxmox VE. */
const ours = z.object({
  kind: z.enum(guestKinds).optional(),
  /** The node that the guest is made on; a clone is made where its template is, unless this says otherwise. */
  node: z
    .string()
    .regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/, 'must be the name of a node')
    .optional(),
  /** The template (or guest) that is cloned; without it a guest is created. */
  clone: vmid.optional(),
  /** The number of the guest, where billing chooses it. */
  vmid: vmid.optional(),
  /** Whether the guest is started once it has its first address. */
  start: z.union([z.boolean(), z.literal([0, 1]).transform(Boolean)]).default(true),
})

const through = z.record(
  z
    .string()
    .regex(/^[a-z][A-Za-z0-9_-]{0,60}$/, 'is not a name of a parameter')
    .refine(
      name => !/^(ip_address|ipconfig\d+|newid|force|restore|archive)$/.test(name),
      'may not be set: addresses come from the IPAM, and nothing is overwritten',
    ),
  z.union([z.string(), z.number(), z.boolean()], 'must be text, a number, or true or false'),
)

export interface SetUp extends z.output<typeof ours> {
  parameters: Params
}

/** Reads the parameters that billing passes through. @throws panel_refused with every fault */
export function parseSetUp(service: PanelService, given: Record<string, unknown>, whom: string): SetUp {
  const own = ours.safeParse(given)
  const rest = through.safeParse(
    Object.fromEntries(Object.entries(given).filter(([name]) => !(name in ours.shape))),
  )
  if (own.success && rest.success) {
    const parameters = Object.entries(rest.data).map(([name, value]) => [name, textOf(value)] as const)
    return { ...own.data, parameters: Object.fromEntries(parameters) }
  }
  const faults = [own, rest].flatMap(({ error }) => (error ? faultsOf(error, given) : []))
  const told = faults.map(({ pointer, message }) => `setup${pointer} ${message}`).join('; ')
  throw new IpbridgeError('panel_refused', `${whom}: the setup of service ${service.id}: ${told}`)
}

/** The number that billing chose for the guest, whatever else the setup holds. */
export function vmidIn(setup: Record<string, unknown>): number | undefined {
  return vmid.safeParse(setup['vmid']).data
}

function textOf(value: string | number | boolean): string {
  return typeof value === 'boolean' ? String(Number(value)) : String(value)
}
