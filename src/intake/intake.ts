import type { Clock } from '../clock.ts'
import { batched } from '../db/batch.ts'
import { type Db, isContention, isUniqueViolation, type Transaction } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import { findEvents, knownServers, saveChanges } from '../db/inbox.ts'
import type { Announcement } from '../db/operations.ts'
import { loadServiceStates, servicesAt } from '../db/service-states.ts'
import type { BillingEvent } from '../domain/events.ts'
import { parseEvent } from '../domain/parse-event.ts'
import { IpbridgeError } from '../errors.ts'
import { type Backlog, boundless } from './backlog.ts'
import {
  addressWithoutService,
  at,
  type Door,
  decide,
  invalidEvent,
  type Receipt,
  type Submission,
  serversOf,
  serviceOf,
  servicesOf,
} from './decide.ts'

export type { Door, Receipt } from './decide.ts'

export interface Intake {
  /**
   * Takes in one event or several, all or none: the inbox and the operations are written in one transaction,
   * and then the queue is told.
   * @throws invalid_event with the faults of each bad event; event_conflict where an id comes back with another body;
   * overloaded while too much waits for workers
   */
  accept(inputs: readonly unknown[], via: Door): Promise<Receipt[]>
}

/** Larger batches get a transaction of their own; smaller ones that come at the same time share one. */
const shareUpTo = 20

/** Of intakes that meet the same new service or event at the same moment, all but one try again. */
const mostTries = 5

/**
 * @param options.announce tells the queue; it may fail, since the dispatcher tells it again
 * @param options.backlog says whether there is room for more; default: always
 */
export function createIntake(options: {
  db: Db
  clock: Clock
  announce: (operations: Announcement[]) => Promise<void>
  backlog?: Backlog
}): Intake {
  const { db, clock, announce, backlog = boundless } = options
  const shared = batched((submissions: Submission[]) => take(submissions), {
    size: 100,
    parallel: 2,
    weight: ({ events }) => events.length,
  })

  async function take(submissions: Submission[]): Promise<(Receipt[] | IpbridgeError)[]> {
    const { results, announcements } = await storeAtLast(submissions)
    backlog.add(newOperations(results))
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
      await backlog.requireRoom()
      const [result] = inputs.length > shareUpTo ? await take([submission]) : [await shared(submission)]
      if (result instanceof IpbridgeError) throw result
      return result ?? []
    },
  }
}

function newOperations(results: (Receipt[] | IpbridgeError)[]): number {
  const receipts = results.flatMap(result => (result instanceof IpbridgeError ? [] : result))
  return receipts.reduce(
    (sum, { status, operations }) => sum + (status === 'duplicate' ? 0 : operations.length),
    0,
  )
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

async function store(tx: Transaction, submissions: Submission[]) {
  const events = submissions.flatMap(submission => submission.events)
  const known = await findEvents(
    tx,
    events.map(({ source, id }) => ({ source, id })),
  )
  const owners = await servicesAt(tx, events.flatMap(addressWithoutService))
  const services = await loadServiceStates(tx, servicesOf(events, owners))
  const servers = await knownServers(tx, serversOf(events, services))
  const decided = decide(submissions, { known, owners, services, servers }, newId)
  if (decided.changes) await saveChanges(tx, decided.changes)
  return decided
}
