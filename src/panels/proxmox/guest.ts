import { type Address, AddressError, canonicalAddress } from '../../domain/address.ts'
import { IpbridgeError } from '../../errors.ts'
import type { PanelService } from '../driver.ts'
import type { Path } from './api.ts'

/** OpenVZ containers (versions 2 and 3), their successors (version 4 and later), and virtual machines. */
export const guestKinds = ['lxc', 'qemu', 'openvz'] as const
export type GuestKind = (typeof guestKinds)[number]

/** A guest where it is at this moment: guests migrate. */
export interface Guest {
  vmid: number
  kind: GuestKind
  node: string
  /** Why it must not be touched: `backup`, `migrate`, `create` and the like. */
  lock: string | undefined
  template: boolean
}

export function pathOf({ node, kind, vmid }: Guest): Path {
  return ['nodes', node, kind, vmid]
}

export function nameOf({ node, kind, vmid }: Guest): string {
  return `guest ${vmid} (${kind} on ${node})`
}

/** The number of the guest that a service names. @throws panel_refused where it is no number of Proxmox VE */
export function vmidOf(service: PanelService, guest: string): number {
  if (/^[1-9]\d{2,8}$/.test(guest)) return Number(guest)
  const why = `service ${service.id} names the guest ${JSON.stringify(guest)}; on Proxmox VE a guest is named by its number (VMID), such as 101`
  throw new IpbridgeError('panel_refused', why)
}

/** The address in a text such as `192.0.2.7/24`; undefined for `dhcp` and whatever else is none. */
export function addressIn(text: string | undefined): Address | undefined {
  try {
    return text === undefined ? undefined : canonicalAddress(text.split('/')[0] ?? '')
  } catch (error) {
    if (error instanceof AddressError) return undefined
    throw error
  }
}

/** Of what a guest has on its interfaces, what others can reach it by. */
export function reachable(texts: (string | undefined)[]): Address[] {
  const addresses = texts.flatMap(text => addressIn(text) ?? [])
  return [...new Set(addresses)].filter(address => !/^(127\.|169\.254\.|::1$|fe80:)/.test(address))
}
