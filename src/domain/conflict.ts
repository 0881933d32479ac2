import type { Address } from './address.ts'
import { type Marker, markerOf } from './marker.ts'
import type { OperationPayload } from './service-state.ts'
import type { AssignmentState, OperationKind, OperationState } from './states.ts'

/**
 * The ways out of a conflict. `holder`: the service that has the address in the ledger by now keeps it · `claimant`: the
 * service that the IPAM granted it to gets it, in place of the one that it got meanwhile; the holder gets another ·
 * `free`: nobody needs it, and it goes back to the IPAM
 */
export const resolutions = ['holder', 'claimant', 'free'] as const
export type Resolution = (typeof resolutions)[number]

/** One side of a conflict, as it is now. */
export interface Side {
  assignment: string
  service: string
  state: AssignmentState
  address: Address | null
  /** The IPAM that gave the address. */
  connection: string | null
  /** The server that it is configured on, and the guest there. */
  server: string | null
  guest: string | null
  /** Whether an operation on its address runs this moment. */
  busy: boolean
  /** How many addresses that it was granted turned out to be others'. */
  conflicts: number
}

export interface ConflictFacts {
  id: string
  address: Address
  connection: string
  /** What the record in the IPAM carries. */
  marker: Marker
  resolved: boolean
  /** A decision that has not come to its end, about this conflict or another one over the same address. */
  decided: { conflict: string; operation: string; state: OperationState } | undefined
  /** Who has the address now; else the service that had it when the conflict was met, as it had it last. */
  holder: Side
  /** The service that had it then. */
  metHolder: string
  claimant: Side
  /** The service that has the address now, licences aside. */
  heldBy: string | undefined
}

/** What a decision comes to: assignments that give way to new ones of their slot, and operations, in order. */
export interface Decision {
  replaced: { assignment: string; by: string; requested: Address | null }[]
  operations: {
    id: string
    kind: OperationKind
    service: string | null
    assignment: string | null
    /** null: the one that gave its address, else that of its server. */
    connection: string | null
    payload: OperationPayload
  }[]
}

/** Why a decision cannot be carried out; the rest of a sentence. */
export interface Objection {
  code: 'wrong_state' | 'still_in_use'
  why: string
}

/**
 * Carries out what an operator decided about a conflict, as ordinary operations. Until they have ended, the
 * conflict stays open: whatever happens on the way, its address stays visible.
 */
export function decideConflict(
  facts: ConflictFacts,
  resolution: Resolution,
  newId: () => string,
): Decision | Objection {
  const { resolved, decided } = facts
  if (resolved) return objection('it is resolved already')
  if (decided) {
    const which = decided.conflict === facts.id ? 'it' : `conflict ${decided.conflict} over ${facts.address}`
    return objection(
      `${which} was decided before, and operation ${decided.operation} is ${decided.state}; retry or cancel that one`,
    )
  }
  switch (resolution) {
    case 'holder':
      return forHolder(facts, newId)
    case 'claimant':
      return forClaimant(facts, newId)
    case 'free':
      return forNobody(facts, newId)
  }
}

function forHolder({ holder, id, connection, address }: ConflictFacts, newId: () => string) {
  if (!has(holder, address)) return objection(`service ${holder.service} has ${address} no longer`)
  const operation = {
    id: newId(),
    kind: 'allocate' as const,
    service: holder.service,
    assignment: holder.assignment,
    connection,
    payload: { settles: { conflict: id, favours: 'holder' as const } },
  }
  return { replaced: [], operations: [operation] }
}

function forClaimant(facts: ConflictFacts, newId: () => string): Decision | Objection {
  const { holder, metHolder, claimant, id, connection, address, heldBy } = facts
  if (has(claimant, address)) {
    return objection(`service ${claimant.service} has ${address} by now: decide for the holder`)
  }
  if (claimant.state !== 'active') {
    return objection(`service ${claimant.service} is not entitled to it any more, or is still being served`)
  }
  const holderHasIt = has(holder, address)
  if (heldBy !== undefined && (heldBy !== metHolder || !holderHasIt)) {
    return objection(`service ${heldBy} has ${address} by now`)
  }
  const busy = [claimant, ...(holderHasIt ? [holder] : [])].find(side => side.busy)
  if (busy) return objection(`something is being done to service ${busy.service} this moment; try again`)

  const [anew, forHolder] = [newId(), newId()]
  const settles = { conflict: id, favours: 'claimant' as const }
  const leave = (side: Side, replacedBy: string, more: OperationPayload = {}) => ({
    id: newId(),
    kind: 'release' as const,
    service: side.service,
    assignment: side.assignment,
    connection: null,
    payload: { replacedBy, ...leaving(side), ...more },
  })
  const come = (side: Side, assignment: string, payload: OperationPayload) => ({
    id: newId(),
    kind: 'allocate' as const,
    service: side.service,
    assignment,
    connection: payload.settles ? connection : null,
    payload,
  })
  const passesOn = holderHasIt && holder.connection === connection
  // The holder gets another address before it loses this one; only then can the claimant have it.
  const holderMoves = holderHasIt
    ? [come(holder, forHolder, {}), leave(holder, forHolder, passesOn ? { passesOn } : {})]
    : []
  return {
    replaced: [
      ...(holderHasIt ? [{ assignment: holder.assignment, by: forHolder, requested: null }] : []),
      { assignment: claimant.assignment, by: anew, requested: address },
    ],
    operations: [
      ...holderMoves,
      come(claimant, anew, { adopt: true, settles, ...fromHolder(facts) }),
      leave(claimant, anew),
    ],
  }
}

function forNobody(facts: ConflictFacts, newId: () => string) {
  const { id, marker, connection, address, heldBy } = facts
  if (heldBy !== undefined) {
    const why = `service ${heldBy} has ${address}; decide for the holder or the claimant, or end that service first`
    return { code: 'still_in_use' as const, why }
  }
  const settles = { conflict: id, favours: 'nobody' as const }
  const operation = {
    id: newId(),
    kind: 'release' as const,
    service: null,
    assignment: null,
    connection,
    payload: { address, marker, settles, ...fromHolder(facts) },
  }
  return { replaced: [], operations: [operation] }
}

/** The record may be the holder's own again: an earlier decision was for the holder, or another conflict's was. */
function fromHolder({ holder, connection }: ConflictFacts): Pick<OperationPayload, 'from'> {
  if (holder.connection !== connection) return {}
  return { from: markerOf({ id: holder.assignment, conflicts: holder.conflicts }) }
}

/** The service may have moved until its release is run. */
function leaving({ server, guest }: Side): Pick<OperationPayload, 'leaves'> {
  return server === null ? {} : { leaves: { server, ...(guest === null ? {} : { guest }) } }
}

function has({ state, address: own }: Side, address: Address): boolean {
  return (state === 'reserved' || state === 'active') && own === address
}

function objection(why: string): Objection {
  return { code: 'wrong_state', why }
}
