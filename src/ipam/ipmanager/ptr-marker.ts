import type { Hostname } from '../../domain/hostname.ts'
import type { Marker } from '../../domain/marker.ts'

// A marker as a host name, for panels that keep no notes. The top-level domain `invalid` belongs to nobody
// (RFC 2606), so that such a name can never be one that a customer chose.

const pattern = /^ipb-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-n(\d+))?\.invalid$/

/** `ipb:<uuid>.2` becomes `ipb-<uuid>-n2.invalid`. */
export function hostOf(marker: Marker): Hostname {
  return `${marker.replace(':', '-').replace('.', '-n')}.invalid`
}

/** The marker that a host name stands for, if it stands for one. */
export function markerOfHost(host: Hostname): Marker | undefined {
  const [, assignment, conflicts] = host.match(pattern) ?? []
  if (assignment === undefined) return undefined
  return conflicts === undefined ? `ipb:${assignment}` : `ipb:${assignment}.${conflicts}`
}
