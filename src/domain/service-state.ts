import type { Address, Family } from './address.ts'
import type { Stamp } from './stamp.ts'
import {
  type AssignmentState,
  isEntitled,
  type OperationKind,
  type OperationState,
  type ServiceLife,
} from './states.ts'

/** A service as the planner sees it. `kind` and what follows are unknown until `service.created` arrives. */
export interface Service {
  id: string
  state: ServiceLife
  kind?: string
  client?: string
  domain?: string
  /** The server's name. */
  server?: string
  guest?: string
  setup: Record<string, unknown>
  /** The latest `service.created` and `service.deleted` that we heard of. */
  created?: Stamp
  deleted?: Stamp
}

/** A live assignment: a slot that the service is entitled to, with or without an address yet. */
export interface Assignment {
  id: string
  slot: string
  family: Family
  state: AssignmentState
  address?: Address
  requested?: Address
  pool?: string
  licence: boolean
  held: boolean
  /** undefined: the service's domain; '': no PTR. */
  ptrWish?: string
  ptrStamp?: Stamp
  entitled: Stamp
  /** Since when its address has worked, in milliseconds since 1970. */
  since?: number
  /** The assignment whose place in the slot it takes. */
  replaces?: string
  /** The addresses that the slot had before, last one first, as far as each was to be kept until its successor worked. */
  former?: readonly FormerAddress[]
}

export interface FormerAddress {
  address: Address
  /** Since when it worked, in milliseconds since 1970; undefined: never, it was only asked for. */
  since?: number | undefined
  /** When it was given back; undefined: not yet. */
  until?: number | undefined
}

/** An operation that has not ended. */
export interface OpenOperation {
  id: string
  kind: OperationKind
  state: OperationState
  assignmentId?: string
  /** The event that caused it, by our own id. */
  eventId: string
  payload: OperationPayload
  stamp: Stamp
}

export interface OperationPayload {
  /** For `ptr`: the address and its new name; null removes the name. */
  address?: Address
  ptr?: string | null
  /** For `release` without an assignment: the marker of the record to give back. */
  marker?: string
  /** For `release` of a service that has moved: the server that the address leaves, and the guest there. */
  leaves?: { server: string; guest?: string }
  /** For `release` of an address that its service does not have: it is taken off the guest, and no more. */
  stray?: boolean
  /**
   * What an operator decided about a conflict. For `allocate`: the address stays with its holder, or becomes that
   * of the claimant. For `release`: nobody needs it.
   */
  settles?: { conflict: string; favours: 'holder' | 'claimant' | 'nobody' }
  /** For `allocate`: the record is there already, and is made ours. */
  adopt?: boolean
  /** The marker that such a record may carry until then, or until it is given back: that of a former holder. */
  from?: string
  /** The address stays with the service, and is only taken off the server that it leaves. */
  keep?: boolean
  /** It is given back once this assignment, which takes its place, has an address that works. */
  replacedBy?: string
  /** Its record stays in the IPAM, where it becomes that of the service which gets the address next. */
  passesOn?: boolean
}

/** The latest word on one aspect: that an order or address was cancelled, or which PTR an address shall have. */
export interface Aspect {
  stamp: Stamp
  ptr?: string | null
}

/** Everything that deciding about one service needs. Values are never changed in place. */
export interface ServiceState {
  service?: Service
  /** Live assignments only: those that are being released are past deciding. */
  assignments: readonly Assignment[]
  aspects: ReadonlyMap<string, Aspect>
  operations: readonly OpenOperation[]
}

export const nothingKnown: ServiceState = { assignments: [], aspects: new Map(), operations: [] }

export const aspectOf = {
  cancelledOrder: (order: string) => `cancelled:order:${order}`,
  cancelledAddress: (address: Address) => `cancelled:address:${address}`,
  cancelledSlot: (slot: string, family: Family) => `cancelled:slot:${slot} IPv${family}`,
  ptr: (address: Address) => `ptr:${address}`,
}

/** ISPsystem licences name the address that they run on; many may name the same one. */
export const licenceKind = 'license'

/** The slots of an order: `order:<order>/<n>`. */
export function orderSlot(order: string, n: number): string {
  return `order:${order}/${n}`
}

/** The order that a slot belongs to, if it belongs to one. */
export function orderOf(slot: string): string | undefined {
  return slot.startsWith('order:') ? slot.slice('order:'.length, slot.lastIndexOf('/')) : undefined
}

/** The slots that come with a service: `main`, then `main/2` and so on for each family. */
export function mainSlot(n: number): string {
  return n === 1 ? 'main' : `main/${n}`
}

export function isMainSlot(slot: string): boolean {
  return slot === 'main' || slot.startsWith('main/')
}

export function entitledAssignments(state: ServiceState): Assignment[] {
  return state.assignments.filter(assignment => isEntitled(assignment.state))
}
