import type { Address } from './address.ts'
import type { Violation } from './invariants.ts'
import { assignmentOfMarker, type Marker } from './marker.ts'
import type { Snapshot } from './snapshot.ts'
import { isFinal, type OperationState } from './states.ts'

/** What the IPAM holds at an address, and what DNS says there. */
export interface Held {
  marker: Marker | undefined
  ptr: string | undefined
}

/**
 * One line of what was seen from outside, in the order in which it happened: what billing sent and heard, what
 * changed at the IPAM, what billing was told. A call whose answer was lost is no line of its own: what it changed is
 * here where it changed something, and nothing else is known of it.
 */
export type Seen =
  /** Billing sent an event. `unknown`: it heard nothing, which says neither that it was taken in nor that it was not. */
  | {
      kind: 'event'
      at: number
      source: string
      id: string
      answer: 'ok' | 'failed' | 'unknown'
      operations: string[]
    }
  /** A record changed. `by`: the operation and its call; undefined: somebody else. `name`: what DNS said there before. */
  | {
      kind: 'record'
      at: number
      address: Address
      by: { operation: string; call: string } | undefined
      before: Held | undefined
      after: Held | undefined
      name: string | undefined
    }
  /** An operation came to an end. */
  | { kind: 'ended'; at: number; operation: string; state: OperationState }
  /** Billing was told who has an address, or has it no longer. */
  | {
      kind: 'told'
      at: number
      what: 'assigned' | 'released'
      service: string
      address: Address
      held: boolean
    }
  /** A run of reconciliation found something; runs count from 1 for each connection. */
  | { kind: 'found'; at: number; run: number; subject: string }
  /** What a run found is taken from whoever has it. */
  | { kind: 'taken'; at: number; run: number; subject: string }

export type History = readonly Seen[]

type Of<K extends Seen['kind']> = Extract<Seen, { kind: K }>

/**
 * Judges what was seen, with what is there in the end.
 * @param options.quarantineMs how long the IPAM keeps a released address from others
 */
export function checkHistory(
  history: History,
  snapshot: Snapshot,
  options: { quarantineMs: number },
): Violation[] {
  const of = <K extends Seen['kind']>(kind: K) => history.filter((seen): seen is Of<K> => seen.kind === kind)
  const records = of('record')
  return [
    ...toldOnce(of('told')),
    ...nothingLost(of('event'), snapshot),
    ...endedOnce(of('ended')),
    ...changedOnce(records),
    ...nothingAfterTheEnd(history),
    ...cooledDown(records, snapshot, options.quarantineMs),
    ...handedOutNameless(records),
    ...seenTwice(of('found'), of('taken')),
  ]
}

/** 1. Billing is never told that a service has an address before it was told that another one has it no longer. */
function toldOnce(told: Of<'told'>[]): Violation[] {
  const holders = new Map<Address, string>()
  return told.flatMap(({ what, service, address, held }) => {
    // Licences share addresses.
    if (!held) return []
    const holder = holders.get(address)
    if (what === 'released') {
      if (holder === service) holders.delete(address)
      return []
    }
    holders.set(address, service)
    return holder === undefined || holder === service
      ? []
      : [{ invariant: 1, message: `${address} was given to service ${service} while ${holder} had it` }]
  })
}

/** 2. What was accepted is there, with its operations. */
function nothingLost(sent: Of<'event'>[], { events, operations }: Snapshot): Violation[] {
  const kept = new Set(events.map(event => `${event.source} ${event.id}`))
  const known = new Set(operations.map(operation => operation.id))
  return sent
    .filter(({ answer }) => answer === 'ok')
    .filter(
      ({ source, id, operations }) => !kept.has(`${source} ${id}`) || operations.some(o => !known.has(o)),
    )
    .map(({ id }) => ({ invariant: 2, message: `event ${id} was accepted and is lost` }))
}

/** 2. An operation has one outcome; only one that failed may be tried again, and then have another. */
function endedOnce(ended: Of<'ended'>[]): Violation[] {
  const final = new Map<string, OperationState>()
  return ended.flatMap(({ operation, state }) => {
    const before = final.get(operation)
    if (isFinal(state)) final.set(operation, state)
    return before === undefined
      ? []
      : [{ invariant: 2, message: `operation ${operation} ended as ${before}, and then as ${state}` }]
  })
}

/**
 * 5. However often a step runs, it changes the outside world once. What others changed in between, it may have to
 * change again. Names do not count here: while an operation is tried again, billing may want another name, and the
 * first one again.
 */
function changedOnce(records: Of<'record'>[]): Violation[] {
  const grants = new Map<Marker, string>()
  const writes = new Map<Address, { operation: string; made: Set<string> }>()
  return records.flatMap(({ by, address, before, after }) => {
    // What was given back, taken away by hand, or granted to somebody else must be asked for anew.
    if (before?.marker !== undefined && before.marker !== after?.marker) grants.delete(before.marker)
    if (by === undefined) {
      writes.delete(address)
      return []
    }
    const { operation, call } = by
    const twice = (where: string) => [
      { invariant: 5, message: `operation ${operation} did ${call} twice: ${where}` },
    ]
    if (call === 'request') {
      const marker = after?.marker ?? ''
      const earlier = grants.get(marker)
      grants.set(marker, address)
      return earlier === undefined ? [] : twice(`${marker} was granted ${earlier} and ${address}`)
    }
    const known = writes.get(address)
    const made = known?.operation === operation ? known.made : new Set<string>()
    const key = `${call} ${before?.marker}`
    if (call === 'setPtr' && after?.ptr !== undefined) {
      known?.made.delete(key)
      return []
    }
    const isTwice = made.has(key)
    writes.set(address, { operation, made: made.add(key) })
    return isTwice ? twice(`at ${address}`) : []
  })
}

/** 5. What has ended changes nothing any more. */
function nothingAfterTheEnd(history: History): Violation[] {
  const over = new Set<string>()
  const violations: Violation[] = []
  for (const seen of history) {
    if (seen.kind === 'ended' && (seen.state === 'done' || seen.state === 'superseded'))
      over.add(seen.operation)
    if (seen.kind !== 'record' || seen.by === undefined || !over.has(seen.by.operation)) continue
    const { operation, call } = seen.by
    violations.push({
      invariant: 5,
      message: `operation ${operation} had ended, and did ${call} at ${seen.address}`,
    })
  }
  return violations
}

/** 6. A released address goes to nobody but its former owner before its quarantine ends. */
function cooledDown(records: Of<'record'>[], { assignments }: Snapshot, quarantineMs: number): Violation[] {
  const services = new Map(assignments.map(a => [a.id, a.service]))
  const serviceOf = (marker: Marker | undefined) => services.get(assignmentOfMarker(marker ?? '') ?? '')
  const released = new Map<Address, { at: number; service: string | undefined }>()
  return records.flatMap(({ at, address, by, before, after }) => {
    if (by === undefined) return []
    if (after === undefined) {
      released.set(address, { at, service: serviceOf(before?.marker) })
      return []
    }
    const last = released.get(address)
    const service = serviceOf(after.marker)
    const isEarly = before === undefined && last && at - last.at < quarantineMs && service !== last.service
    if (!isEarly) return []
    const early = Math.round((quarantineMs - (at - last.at)) / 1000)
    return [
      {
        invariant: 6,
        message: `service ${service} got ${address} ${early} s before the quarantine after ${last.service} ended`,
      },
    ]
  })
}

/** 7. Nobody is given an address that still has the name of whoever had it. */
function handedOutNameless(records: Of<'record'>[]): Violation[] {
  return records
    .filter(({ by, before, after, name }) => by && !before && after && name !== undefined)
    .map(({ address, name }) => ({
      invariant: 7,
      message: `${address} was handed out with the name ${name}`,
    }))
}

/** 10. Reconciliation takes nothing from anybody that two runs in a row have not found. */
function seenTwice(found: Of<'found'>[], taken: Of<'taken'>[]): Violation[] {
  const seen = new Set(found.map(({ run, subject }) => `${run} ${subject}`))
  return taken
    .filter(({ run, subject }) => !seen.has(`${run} ${subject}`) || !seen.has(`${run - 1} ${subject}`))
    .map(({ subject }) => ({
      invariant: 10,
      message: `taken away, although only one run found it: ${subject}`,
    }))
}
