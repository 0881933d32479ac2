import type { Address } from './address.ts'
import type { BillingEvent } from './events.ts'
import type { Marker } from './marker.ts'
import type { Stamp } from './stamp.ts'
import type { AssignmentState, OperationKind, OperationState, ServiceLife } from './states.ts'

/** Everything that ipbridge knows, and what the IPAMs hold, at one moment. */
export interface Snapshot {
  events: (BillingEvent & { key: string; status: string })[]
  services: ServiceRecord[]
  assignments: AssignmentRecord[]
  operations: {
    id: string
    kind: OperationKind
    state: OperationState
    service: string | null
    assignment: string | null
    /** The event that caused it, as its key. */
    event: string | null
    cause: string
  }[]
  /** What the IPAMs hold. */
  records: { address: Address; space: string; marker: Marker | undefined; ptr: string | undefined }[]
  /** Markers of conflicts that nobody has decided yet. */
  conflicts: ReadonlySet<Marker>
  /** What DNS says, where it is asked apart from the IPAM. */
  names?: { address: Address; space: string; ptr: string }[]
  /** What the guests have, where panels were asked. */
  guests?: { service: string; addresses: Address[] }[]
}

export interface ServiceRecord {
  id: string
  state: ServiceLife
  domain: string | null
  /** The stamp of its latest creation. */
  created: Stamp | null
}

export interface AssignmentRecord {
  id: string
  service: string
  slot: string
  family: number
  state: AssignmentState
  address: Address | null
  requested: Address | null
  space: string | null
  marker: Marker
  licence: boolean
  held: boolean
  ptr: string | null
  entitled: Stamp
  /** The assignment whose place it takes. */
  replaces: string | null
  assignedAt: Date | null
  releasedAt: Date | null
  /** The quarantine of its pool, in seconds, where it comes from one of ours. */
  quarantine: number | null
}
