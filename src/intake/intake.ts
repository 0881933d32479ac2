import { createHash } from 'node:crypto'
import stringify from 'safe-stable-stringify'
import type { Clock } from '../clock.ts'
import { batched } from '../db/batch.ts'
import { type Db, isContention, isUniqueViolation, type Transaction } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import {
  type Changes,
  findEvents,
  knownServers,
  type ServerGrounds,
  type StoredEvent,
  saveChanges,
} from '../db/inbox.ts'
import type { Announcement } from '../db/operations.ts'
import { loadServiceStates, servicesAt } from '../db/service-states.ts'
import type { BillingEvent } from '../domain/events.ts'
import type { Fault } from '../domain/faults.ts'
import { parseEvent } from '../domain/parse-event.ts'
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

export interface Intake {
  /**
   * Takes in one event or several, all or none: the inbox and the operations are written in one transaction,
   * and then the queue is told.
   * @throws invalid_event with the faults of each bad event; event_conflict where an id comes back with another body
   */
  accept(inputs: readonly unknown[], via: Door): Promise<Receipt[]>
}

/** Larger batches get a transaction of their own; smaller ones that come at the same time share one. */
const shareUpTo = 20

/** Of intakes that meet the same new service or event at the same moment, all but one try again. */
const mostTries = 5

interface Submission {
  events: BillingEvent[]
  via: Door
}

/**
 * @param options.announce tells the queue; it may fail, since the dispatcher tells it again
 */
export function createIntake(options: {
  db: Db
  clock: Clock
  announce: (operations: Announcement[]) => Promise<void>
}): Intake {
  const { db, clock, announce } = options
  const shared = batched((submissions: Submission[]) => take(submissions), { size: 50, parallel: 2 })

  async function take(submissions: Submission[]): Promise<(Receipt[] | IpbridgeError)[]> {
    const { results, announcements } = await storeAtLast(submissions)
    // From here on everything is stored, and nothing may say otherwise.
    await announce(announcements).catch(() => undefined)
    return results
  }

  async function storeAtLast(submissions: Submission[]) {
    for (let tries = 1; ; tries++) {
      try {
        return await db.$transaction(tx => store(tx, submissions))
      } catch (error) {
        const mayPass = isUniqueViolation(error) || isContention(error)
        if (!mayPass || tries === mostTries) throw error
      }
    }
  }

  return {
    async accept(inputs, via) {
      const submission = { events: parseAll(inputs, clock.now()), via }
      const [result] = inputs.length > shareUpTo ? await take([submission]) : [await shared(submission)]
      if (result instanceof IpbridgeError) throw result
      return result ?? []
    },
  }
}

function parseAll(inputs: readonly unknown[], now: Date): BillingEvent[] {
  const parsed = inputs.map(input => parseEvent(input, now))
  const faults = parsed.flatMap((result, index) =>
    'faults' in result ? at(result.faults, index, inputs.length) : [],
  )
  if (faults.length > 0) throw invalidEvent(faults)
  return inOrder(parsed.flatMap(result => ('event' in result ? result.event : [])))
}

/** Events that do not say when they happened happened in the order in which they stand: each a little later. */
function inOrder(events: BillingEvent[]): BillingEvent[] {
  const counts = new Map<string | undefined, number>()
  return events.map(event => {
    if (!event.undated) return event
    const service = serviceOf(event, new Map())
    const before = counts.get(service) ?? 0
    counts.set(service, before + 1)
    return { ...event, time: new Date(event.time.getTime() + before) }
  })
}

/** In a batch, a fault says in which event it is. */
function at(faults: Fault[], index: number, count: number): Fault[] {
  return count === 1 ? faults : faults.map(fault => ({ ...fault, pointer: `/${index}${fault.pointer}` }))
}

function invalidEvent(faults: Fault[]): IpbridgeError {
  const text = faults.map(({ pointer, message }) =>
    pointer === '' ? `the event ${message}` : `${pointer} ${message}`,
  )
  return new IpbridgeError('invalid_event', text.join('; '), { faults })
}

async function store(tx: Transaction, submissions: Submission[]) {
  const events = submissions.flatMap(submission => submission.events)
  const known = new Map(
    (
      await findEvents(
        tx,
        events.map(({ source, id }) => ({ source, id })),
      )
    ).map(event => [keyOf(event.source, event.eventId), event]),
  )
  const owners = await servicesAt(tx, events.flatMap(addressWithoutService))
  const serviceIds = [...new Set(events.flatMap(event => serviceOf(event, owners) ?? []))]
  const before = await loadServiceStates(tx, serviceIds)
  const left = [...before.values()].flatMap(({ service }) => service?.server ?? [])
  const servers = await knownServers(tx, [...new Set([...events.flatMap(serverOf), ...left])])

  const now = new Map(before)
  const inbox = new Map(
    [...known].map(([key, event]) => [key, { hash: event.bodyHash, operations: event.operations }]),
  )
  const stored: StoredEvent[] = []
  const causes = new Map<string, string>()
  const homeless: ServiceState[] = []

  const results = submissions.map(({ events, via }) => {
    const refusal = refuse(events, inbox, servers)
    if (refusal) return refusal
    return events.map((event): Receipt => {
      const key = keyOf(event.source, event.id)
      const receipt = { source: event.source, id: event.id }
      const earlier = inbox.get(key)
      if (earlier) return { ...receipt, status: 'duplicate', operations: earlier.operations }

      const eventId = newId()
      const serviceId = serviceOf(event, owners)
      const state = (serviceId !== undefined && now.get(serviceId)) || nothingKnown
      const planned = plan(state, event, { eventId, newId, canFollow: followingOn(servers) })
      if (serviceId === undefined) homeless.push(planned.state)
      else now.set(serviceId, planned.state)
      const operations = planned.state.operations.filter(o => o.eventId === eventId).map(o => o.id)
      inbox.set(key, { hash: bodyHash(event), operations })
      stored.push(toStored(event, eventId, planned.status, via))
      causes.set(eventId, `event:${event.source}/${event.id}`)
      return { ...receipt, status: planned.status, operations }
    })
  })

  const services: Changes['services'] = [...now].map(([id, after]) => ({
    before: before.get(id) ?? nothingKnown,
    after,
  }))
  services.push(...homeless.map(after => ({ before: nothingKnown, after })))
  if (stored.length > 0) await saveChanges(tx, { events: stored, services, causes })
  return { results, announcements: services.flatMap(({ after }) => firstInLine(after, causes)) }
}

/** Why a submission is refused as a whole, if it is. */
function refuse(
  events: BillingEvent[],
  inbox: ReadonlyMap<string, { hash: string }>,
  servers: ReadonlyMap<string, ServerGrounds>,
): IpbridgeError | undefined {
  const faults: Fault[] = []
  const hashes = new Map<string, string>()
  for (const [index, event] of events.entries()) {
    const key = keyOf(event.source, event.id)
    const hash = bodyHash(event)
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

function addressWithoutService(event: BillingEvent): string[] {
  return event.type === 'ptr.changed' && event.data.service === undefined ? [event.data.address] : []
}

function serviceOf(event: BillingEvent, owners: ReadonlyMap<string, string>): string | undefined {
  if (event.type === 'service.created') return event.data.service.id
  if (event.type === 'ptr.changed') return event.data.service ?? owners.get(event.data.address)
  return event.data.service
}

/** Identifies what an event says, whatever the order of its fields. */
function bodyHash(event: BillingEvent): string {
  const { type, time, undated, sequence, data } = event
  return createHash('sha256')
    .update(stringify({ type, time: undated ? null : time, sequence, data }) ?? '')
    .digest('base64url')
}

function toStored(event: BillingEvent, id: string, status: StoredEvent['status'], via: Door): StoredEvent {
  return {
    id,
    source: event.source,
    event_id: event.id,
    type: event.type,
    status,
    time: event.time,
    sequence: event.sequence ?? null,
    data: event.data,
    body_hash: bodyHash(event),
    via,
  }
}
