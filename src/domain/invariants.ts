import { assignmentOfMarker } from './marker.ts'
import { wantedSlots } from './oracle.ts'
import type { AssignmentRecord, Snapshot } from './snapshot.ts'
import { compareStamps } from './stamp.ts'
import { isEntitled, isTerminal } from './states.ts'

export interface Violation {
  /** Its number in docs/reference/invariants.md. */
  invariant: number
  message: string
}

/**
 * Says what must always hold and does not. Judges by what is there alone, not by how it came about.
 * @param options.quiet nothing is under way: then everything must also be finished and agree
 */
export function checkInvariants(snapshot: Snapshot, options: { quiet: boolean }): Violation[] {
  const always = [
    ...oneHolder(snapshot),
    ...everyEventHasOperations(snapshot),
    ...quarantineKept(snapshot),
    ...noForeignPtr(snapshot),
  ]
  if (!options.quiet) return always
  return [
    ...always,
    ...finalStates(snapshot),
    ...booksAgree(snapshot),
    ...guestsAgree(snapshot),
    ...namesAgree(snapshot),
    ...everythingEnded(snapshot),
  ]
}

const isLive = (assignment: AssignmentRecord) => assignment.state !== 'released'

/** 1. No address is held by two live assignments of one address space, in the ledger or in the IPAM. */
function oneHolder({ assignments, records }: Snapshot): Violation[] {
  const live = assignments.filter(a => isLive(a) && a.address !== null && !a.licence)
  const inLedger = repeated(live.map(a => ({ key: `${a.space} ${a.address}`, who: `service ${a.service}` })))
  const inIpam = repeated(
    records.map(r => ({ key: `${r.space} ${r.address}`, who: r.marker ?? 'nobody of ours' })),
  )
  const slots = repeated(
    assignments
      .filter(a => isEntitled(a.state))
      .map(a => ({ key: `${a.service} ${a.slot} IPv${a.family}`, who: a.id })),
  )
  return [
    ...inLedger.map(text => ({ invariant: 1, message: `two live assignments hold ${text}` })),
    ...inIpam.map(text => ({ invariant: 1, message: `the IPAM holds twice: ${text}` })),
    ...slots.map(text => ({ invariant: 1, message: `one slot has two live assignments: ${text}` })),
  ]
}

/** 2. Every accepted event leads to operations; every operation traces back to an event, a finding or people. */
function everyEventHasOperations({ events, operations }: Snapshot): Violation[] {
  const caused = new Set(operations.map(operation => operation.event))
  const barren = events.filter(event => !caused.has(event.key))
  const known = new Set(events.map(event => event.key))
  const causes = /^(event|finding|operator|schedule):./
  const homeless = operations.filter(
    ({ event, cause }) => !causes.test(cause) || (event !== null && !known.has(event)),
  )
  return [
    ...barren.map(event => ({
      invariant: 2,
      message: `event ${event.id} of ${event.source} led to no operation`,
    })),
    ...homeless.map(operation => ({ invariant: 2, message: `operation ${operation.id} comes from nowhere` })),
  ]
}

/** 3. A service's final state is that of its latest events, whatever the order of delivery. */
function finalStates(snapshot: Snapshot): Violation[] {
  const excused = new Set(
    snapshot.operations
      .filter(({ kind, state }) => kind === 'allocate' && ['failed', 'parked', 'cancelled'].includes(state))
      .map(operation => operation.assignment),
  )
  // What an operator called off stays away until billing asks for it again.
  const calledOff = new Set(
    snapshot.operations
      .filter(({ kind, state }) => kind === 'allocate' && state === 'cancelled')
      .map(operation => operation.assignment),
  )
  const lastOf = new Map<string, AssignmentRecord>()
  const entitled = new Map<string, AssignmentRecord[]>()
  for (const a of snapshot.assignments) {
    if (isEntitled(a.state)) entitled.set(a.service, [...(entitled.get(a.service) ?? []), a])
    const slot = `${a.service} ${a.slot} IPv${a.family}`
    const last = lastOf.get(slot)
    const order = last === undefined ? 1 : compareStamps(a.entitled, last.entitled)
    if (order > 0 || (order === 0 && a.id > (last?.id ?? ''))) lastOf.set(slot, a)
  }
  const isCalledOff = (service: string, slot: string) =>
    calledOff.has(lastOf.get(`${service} ${slot}`)?.id ?? null)
  const wanted = wantedSlots(snapshot.events, snapshot.assignments, snapshot.services)
  const violations: Violation[] = []
  for (const { id, state } of snapshot.services) {
    const want = wanted.get(id)
    if (want === undefined) continue
    if (state !== want.state)
      violations.push({ invariant: 3, message: `service ${id} is ${state}, not ${want.state}` })
    const mine = entitled.get(id) ?? []
    const have = new Set(mine.map(a => `${a.slot} IPv${a.family}`))
    for (const slot of want.slots) {
      if (!have.has(slot) && !isCalledOff(id, slot))
        violations.push({ invariant: 3, message: `service ${id} lacks its slot ${slot}` })
    }
    for (const a of mine) {
      const slot = `${a.slot} IPv${a.family}`
      if (!want.slots.has(slot))
        violations.push({ invariant: 3, message: `service ${id} still has the slot ${slot}` })
      if (a.state !== 'active' && !excused.has(a.id)) {
        violations.push({ invariant: 3, message: `slot ${slot} of service ${id} is only ${a.state}` })
      }
    }
  }
  return violations
}

/** 4. Once quiet, IPAM records with our marker and live assignments match one to one. */
function booksAgree({ assignments, records, conflicts }: Snapshot): Violation[] {
  const held = assignments.filter(a => isLive(a) && a.held && a.address !== null)
  const expected = new Map(held.map(a => [a.marker, a]))
  const found = new Map(records.flatMap(r => (r.marker === undefined ? [] : [[r.marker, r] as const])))
  const ghosts = [...found.keys()].filter(marker => !expected.has(marker) && !conflicts.has(marker))
  const twins = repeated(
    records.flatMap(r => (r.marker === undefined ? [] : [{ key: r.marker, who: r.address }])),
  )
  const violations = [
    ...twins.map(text => ({ invariant: 4, message: `one marker is on two records: ${text}` })),
    ...ghosts.map(marker => ({
      invariant: 4,
      message: `${found.get(marker)?.address} carries ${marker}, but assignment ${assignmentOfMarker(marker)} is not live there`,
    })),
  ]
  // Where a conflict waits for a decision, the IPAM holds the address under the marker of whoever it was granted to.
  const undecided = new Set(
    records
      .filter(r => r.marker !== undefined && conflicts.has(r.marker))
      .map(r => `${r.space} ${r.address}`),
  )
  for (const [marker, assignment] of expected) {
    const record = found.get(marker)
    if (record?.address === assignment.address) continue
    if (undecided.has(`${assignment.space} ${assignment.address}`)) continue
    const instead = record ? `has ${record.address} instead` : 'has no record for it'
    violations.push({
      invariant: 4,
      message: `service ${assignment.service} has ${assignment.address}, but the IPAM ${instead}`,
    })
  }
  return violations
}

/** 4. Once quiet, no guest has an address that its service has given back. */
function guestsAgree({ assignments, guests = [] }: Snapshot): Violation[] {
  const rightful = new Set(assignments.filter(isLive).map(a => `${a.service} ${a.address}`))
  return guests.flatMap(({ service, addresses }) =>
    addresses
      .filter(address => !rightful.has(`${service} ${address}`))
      .map(address => ({
        invariant: 4,
        message: `the guest of service ${service} still has ${address}, which the service has not`,
      })),
  )
}

/** 6. A released address is not handed out again, except to its former owner, before its quarantine ends. */
function quarantineKept({ assignments }: Snapshot): Violation[] {
  const byAddress = new Map<string, AssignmentRecord[]>()
  for (const a of assignments) {
    if (a.address === null || a.licence || a.assignedAt === null) continue
    const key = `${a.space} ${a.address}`
    byAddress.set(key, [...(byAddress.get(key) ?? []), a])
  }
  const violations: Violation[] = []
  for (const holders of byAddress.values()) {
    holders.sort((a, b) => Number(a.assignedAt) - Number(b.assignedAt))
    for (const [index, next] of holders.entries()) {
      const former = holders[index - 1]
      if (!former?.releasedAt || former.service === next.service || former.quarantine === null) continue
      const wait = former.quarantine * 1000 - (Number(next.assignedAt) - Number(former.releasedAt))
      // The two moments are taken by different statements; a second covers that.
      if (wait <= 1_000) continue
      const who = `service ${next.service} got ${next.address} ${Math.round(wait / 1000)} s before`
      violations.push({
        invariant: 6,
        message: `${who} its quarantine after service ${former.service} ended`,
      })
    }
  }
  return violations
}

/** 7. A PTR exists only for a live assignment, and is the one that the ledger has for it. */
function noForeignPtr({ assignments, services, records, conflicts }: Snapshot): Violation[] {
  const live = new Map(assignments.filter(isLive).map(a => [a.marker, a]))
  const owners = new Map(services.flatMap(s => (s.domain === null ? [] : [[s.domain, s.id] as const])))
  return records.flatMap(({ address, marker, ptr }) => {
    if (ptr === undefined || marker === undefined || conflicts.has(marker)) return []
    const assignment = live.get(marker)
    if (assignment === undefined)
      return [{ invariant: 7, message: `${address} has the PTR ${ptr}, but no live assignment` }]
    const owner = owners.get(ptr)
    // An allocation names its address before the ledger has the name.
    const isUnderWay = assignment.state !== 'active' && assignment.ptr === null
    const isForeign =
      !isUnderWay && assignment.ptr !== ptr && owner !== undefined && owner !== assignment.service
    return isForeign
      ? [{ invariant: 7, message: `${address} of service ${assignment.service} names ${ptr} of ${owner}` }]
      : []
  })
}

/** 7. Once quiet, DNS has a name for an address only where somebody has the address, or a conflict marks it. */
function namesAgree({ assignments, records, conflicts, names = [] }: Snapshot): Violation[] {
  const held = assignments.filter(a => isLive(a) && a.address !== null)
  // What carries no marker of ours is somebody else's business.
  const marked = records.filter(r => r.marker === undefined || conflicts.has(r.marker))
  const rightful = new Set([...held, ...marked].map(({ space, address }) => `${space} ${address}`))
  return names
    .filter(({ space, address }) => !rightful.has(`${space} ${address}`))
    .map(({ address, ptr }) => ({
      invariant: 7,
      message: `${address} is still named ${ptr}, but nobody has it`,
    }))
}

/** 8. When faults stop, every operation becomes terminal. Only a full pool may keep one parked. */
function everythingEnded({ operations }: Snapshot): Violation[] {
  return operations
    .filter(({ state }) => !isTerminal(state) && state !== 'parked')
    .map(({ id, kind, state }) => ({ invariant: 8, message: `operation ${id} (${kind}) is still ${state}` }))
}

function repeated(items: { key: string; who: string }[]): string[] {
  const holders = new Map<string, string[]>()
  for (const { key, who } of items) holders.set(key, [...(holders.get(key) ?? []), who])
  return [...holders].filter(([, who]) => who.length > 1).map(([key, who]) => `${key} (${who.join(' and ')})`)
}
