import { hash } from 'node:crypto'
import stringify from 'safe-stable-stringify'
import type { Changes, KnownEvent, ServerGrounds, StoredEvent } from '../db/inbox.ts'
import type { Announcement } from '../db/operations.ts'
import type { BillingEvent } from '../domain/events.ts'
import type { Fault } from '../domain/faults.ts'
import { plan } from '../domain/plan.ts'
import { nothingKnown, type ServiceState } from '../domain/service-state.ts'
import { IpbridgeError } from '../errors.ts'

/** What became of one event. */
export interface Receipt {
  source: string
  id: string
  status: 'accepted' | 'duplicate' | 'superseded'
  operations: string[]
}

/** The door through which an event came. */
export type Door = 'http' | 'queue' | 'cli' | 'api'

/** Events that are taken in together, all or none. */
export interface Submission {
  events: BillingEvent[]
  via: Door
}

/** What deciding about events rests on: read, and locked, in the transaction that stores what is decided. */
export interface Grounds {
  /** Which of the events are in the inbox already. */
  known: readonly KnownEvent[]
  /** The services that addresses belong to which come without one. */
  owners: ReadonlyMap<string, string>
  services: ReadonlyMap<string, ServiceState>
  servers: ReadonlyMap<string, ServerGrounds>
}

export interface Decided {
  /** For each submission what became of its events, or why it is refused. */
  results: (Receipt[] | IpbridgeError)[]
  /** What is to be stored; nothing where all events were known or refused. */
  changes: Changes | undefined
  announcements: Announcement[]
}

/** Decides what submissions come to. Reads and writes nothing: the caller has read the grounds, and stores the changes. */
export function decide(
  submissions: readonly Submission[],
  { known, owners, services: before, servers }: Grounds,
  newId: () => string,
): Decided {
  const now = new Map(before)
  const inbox = new Map(
    known.map(event => [
      keyOf(event.source, event.eventId),
      { hash: event.bodyHash, operations: event.operations },
    ]),
  )
  const stored: StoredEvent[] = []
  const causes = new Map<string, string>()
  const homeless: ServiceState[] = []
  const hashes = new Map(submissions.flatMap(({ events }) => events.map(event => [event, bodyHash(event)])))
  const hashOf = (event: BillingEvent) => hashes.get(event) as string

  const results = submissions.map(({ events, via }) => {
    const refusal = refuse(events, hashOf, inbox, servers)
    if (refusal) return refusal
    return events.map((event): Receipt => {
      const key = keyOf(event.source, event.id)
      const { source, id } = event
      const earlier = inbox.get(key)
      if (earlier) return { source, id, status: 'duplicate', operations: earlier.operations }

      const eventId = newId()
      const serviceId = serviceOf(event, owners)
      const state = (serviceId !== undefined && now.get(serviceId)) || nothingKnown
      const planned = plan(state, event, { eventId, newId, canFollow: followingOn(servers) })
      if (serviceId === undefined) homeless.push(planned.state)
      else now.set(serviceId, planned.state)
      const operations = planned.state.operations.filter(o => o.eventId === eventId).map(o => o.id)
      inbox.set(key, { hash: hashOf(event), operations })
      stored.push(toStored(event, eventId, hashOf(event), planned.status, via))
      causes.set(eventId, `event:${event.source}/${event.id}`)
      return { source, id, status: planned.status, operations }
    })
  })

  const services: Changes['services'] = [...now].map(([id, after]) => ({
    before: before.get(id) ?? nothingKnown,
    after,
  }))
  services.push(...homeless.map(after => ({ before: nothingKnown, after })))
  return {
    results,
    changes: stored.length > 0 ? { events: stored, services, causes } : undefined,
    announcements: services.flatMap(({ after }) => firstInLine(after, causes)),
  }
}

/** The services that events are about. */
export function servicesOf(events: readonly BillingEvent[], owners: ReadonlyMap<string, string>): string[] {
  return [...new Set(events.flatMap(event => serviceOf(event, owners) ?? []))]
}

/** The servers that events name, or that their services are on. */
export function serversOf(
  events: readonly BillingEvent[],
  services: ReadonlyMap<string, ServiceState>,
): string[] {
  const left = [...services.values()].flatMap(({ service }) => service?.server ?? [])
  return [...new Set([...events.flatMap(serverOf), ...left])]
}

/** Why a submission is refused as a whole, if it is. */
function refuse(
  events: BillingEvent[],
  hashOf: (event: BillingEvent) => string,
  inbox: ReadonlyMap<string, { hash: string }>,
  servers: ReadonlyMap<string, ServerGrounds>,
): IpbridgeError | undefined {
  const faults: Fault[] = []
  const hashes = new Map<string, string>()
  for (const [index, event] of events.entries()) {
    const key = keyOf(event.source, event.id)
    const hash = hashOf(event)
    const earlier = inbox.get(key)?.hash ?? hashes.get(key)
    if (earlier !== undefined && earlier !== hash) return conflicting(event)
    if (earlier === undefined) faults.push(...at(unknownServer(event, servers), index, events.length))
    hashes.set(key, hash)
  }
  return faults.length > 0 ? invalidEvent(faults) : undefined
}

function conflicting(event: BillingEvent): IpbridgeError {
  return new IpbridgeError(
    'event_conflict',
    `event ${event.id} of ${event.source} was taken in before with another body; a new event needs a new id`,
  )
}

function unknownServer(event: BillingEvent, servers: ReadonlyMap<string, ServerGrounds>): Fault[] {
  const missing = serverOf(event).filter(name => !servers.has(name))
  return missing.map(name => ({
    pointer: '/data/service/server',
    message: `${JSON.stringify(name)} is not a known server; add it with \`ipbridge server add\``,
  }))
}

/**
 * Of the new operations of a service only the first is announced; each one that ends announces the next. It is
 * announced even where others are before it: they may end before they can see what we are about to store.
 */
function firstInLine(state: ServiceState, causes: ReadonlyMap<string, string>): Announcement[] {
  const first = state.operations.find(({ state, eventId }) => state === 'queued' && causes.has(eventId))
  return first ? [{ id: first.id, kind: first.kind, epoch: 0 }] : []
}

function keyOf(source: string, id: string): string {
  return `${source}\n${id}`
}

/**
 * An address can follow its service to a server of the same connection, unless that one is limited to pools which
 * the address need not be from.
 */
function followingOn(servers: ReadonlyMap<string, ServerGrounds>) {
  return (from: string, to: string): boolean => {
    const [old, next] = [servers.get(from), servers.get(to)]
    if (old === undefined || next === undefined || old.connection !== next.connection) return false
    return next.pools === null || (old.pools?.every(pool => next.pools?.includes(pool)) ?? false)
  }
}

function serverOf(event: BillingEvent): string[] {
  return event.type === 'service.created' ? [event.data.service.server] : []
}

/** The address of an event that does not say whose it is. */
export function addressWithoutService(event: BillingEvent): string[] {
  return event.type === 'ptr.changed' && event.data.service === undefined ? [event.data.address] : []
}

/** The service that an event is about. */
export function serviceOf(event: BillingEvent, owners: ReadonlyMap<string, string>): string | undefined {
  if (event.type === 'service.created') return event.data.service.id
  if (event.type === 'ptr.changed') return event.data.service ?? owners.get(event.data.address)
  return event.data.service
}

/** Identifies what an event says, whatever the order of its fields. */
function bodyHash(event: BillingEvent): string {
  const { type, time, undated, sequence, data } = event
  return hash('sha256', stringify({ type, time: undated ? null : time, sequence, data }) ?? '', 'base64url')
}

function toStored(
  event: BillingEvent,
  id: string,
  hash: string,
  status: StoredEvent['status'],
  via: Door,
): StoredEvent {
  return {
    id,
    source: event.source,
    event_id: event.id,
    type: event.type,
    status,
    time: event.time,
    sequence: event.sequence ?? null,
    data: event.data,
    body_hash: hash,
    via,
  }
}

/** In a batch, a fault says in which event it is. */
export function at(faults: Fault[], index: number, count: number): Fault[] {
  return count === 1 ? faults : faults.map(fault => ({ ...fault, pointer: `/${index}${fault.pointer}` }))
}

export function invalidEvent(faults: Fault[]): IpbridgeError {
  const text = faults.map(({ pointer, message }) =>
    pointer === '' ? `the event ${message}` : `${pointer} ${message}`,
  )
  return new IpbridgeError('invalid_event', text.join('; '), { faults })
}
