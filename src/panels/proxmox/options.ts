import { Address4, Address6 } from 'ip-address'
import { z } from 'zod'
import type { OpenServer } from '../../db/registry.ts'
import { type Address, AddressError, canonicalAddress, familyOf } from '../../domain/address.ts'
import { guarded } from '../../domain/guarded.ts'
import { IpbridgeError } from '../../errors.ts'
import type { AddressNetwork } from '../../ipam/driver.ts'
import type { PanelAddress } from '../driver.ts'
import { commonOptions, type PanelSettings, settingsOf } from '../settings.ts'
import { loginForm } from './session.ts'

const address = z.string().transform(guarded(canonicalAddress, AddressError))

const network = z.strictObject({
  cidr: z.string().refine(isNetwork, 'must be a network such as 192.0.2.0/24'),
  gateway: address.optional(),
})

const vmids = z
  .string()
  .regex(/^[1-9]\d{2,8}-[1-9]\d{2,8}$/, 'must be the first and the last number, such as 100000-199999')
  .transform(text => text.split('-').map(Number) as [number, number])
  .refine(([first, last]) => first <= last, 'must begin with the lower number')

/** `server.options` of a Proxmox VE. */
const settings = z.strictObject({
  ...commonOptions,
  /** The interface of a guest that gets its main address. */
  interface: z
    .string()
    .regex(/^net\d$/, 'must be net0 to net9')
    .default('net0'),
  /** Where an interface is plugged in that a guest lacks. */
  bridge: z
    .string()
    .regex(/^[-_.\w]{1,40}$/, 'must be the name of a bridge, such as vmbr0')
    .optional(),
  /** Whether addresses are entered into the anti-spoofing sets `ipfilter-netN`. */
  ipfilter: z.boolean().default(true),
  /** Whether guest agents of virtual machines are asked what they have. */
  guestAgent: z.boolean().default(true),
  /** The prefix length and gateway of addresses, where the IPAM does not tell them. */
  networks: z.array(network).max(1000).default([]),
  /** What a guest is set up with, unless the event says otherwise. */
  setup: z.record(z.string(), z.unknown()).default({}),
  /** The numbers that new guests get. */
  vmids: vmids.default([100_000, 999_999]),
  /** How long a task (making, starting a guest) may take. */
  taskMinutes: z.number().min(1).max(240).default(10),
})

export type ProxmoxOptions = z.output<typeof settings>

const url = z.url({
  protocol: /^https?$/,
  error: 'must be where Proxmox VE answers, such as https://pve.example.net:8006',
})

/** Reads the fields of a stored server. @throws invalid_configuration naming each bad field and what it takes */
export function readServer(server: OpenServer): PanelSettings<ProxmoxOptions> {
  const read = settingsOf(server, settings, url)
  if (loginForm.test(read.login)) return read
  const message = 'must be user@realm, such as ipbridge@pve, or a token of it, user@realm!token'
  throw new IpbridgeError('invalid_configuration', `server ${server.name}: login ${message}`, {
    faults: [{ pointer: '/login', message }],
  })
}

/** `https://HOST:8006/api2/json/`, whatever of it is given. */
export function baseOf(url: string): string {
  const base = new URL(url)
  const path = base.pathname.replace(/\/+$/, '')
  return `${base.origin}${path.endsWith('/api2/json') ? path : `${path}/api2/json`}/`
}

/** The network of an address: as the IPAM says, else as the options say. @throws panel_refused where nobody does */
export function networkOf(wanted: PanelAddress, { networks }: ProxmoxOptions, whom: string): AddressNetwork {
  if (wanted.network) return wanted.network
  const known = networks.find(({ cidr }) => contains(cidr, wanted.address))
  if (known)
    return { prefix: Number(known.cidr.split('/')[1]), ...(known.gateway ? { gateway: known.gateway } : {}) }
  const why = `nobody knows the prefix length of ${wanted.address}: the IPAM does not tell it; add its network to options.networks of the server`
  throw new IpbridgeError('panel_refused', `${whom}: ${why}`)
}

function isNetwork(text: string): boolean {
  return z.cidrv4().safeParse(text).success || z.cidrv6().safeParse(text).success
}

function contains(cidr: string, address: Address): boolean {
  if (cidr.includes(':') !== (familyOf(address) === 6)) return false
  return familyOf(address) === 6
    ? new Address6(address).isInSubnet(new Address6(cidr))
    : new Address4(address).isInSubnet(new Address4(cidr))
}
