import type { Changes } from '../../src/db/inbox.ts'
import type {
  Assignment,
  FormerAddress,
  OpenOperation,
  ServiceState,
} from '../../src/domain/service-state.ts'
import { sameStamp } from '../../src/domain/stamp.ts'
import { isEntitled, isTerminal } from '../../src/domain/states.ts'
import { type AssignmentRow, type OperationRow, type Tables, UniqueViolation } from './tables.ts'

export type InboxTable = ReturnType<typeof inboxTable>

/** What src/db/inbox.ts and service-states.ts do in SQL, said again: reading before, and writing what was decided. */
export function inboxTable(tables: Tables, now: () => number) {
  const { events, services, assignments, aspects, operations } = tables

  return {
    findEvent: (source: string, id: string) => events.get(`${source}\n${id}`),

    load(id: string): ServiceState | undefined {
      const service = services.get(id)
      if (service === undefined) return undefined
      const entitled = tables.assignmentsOf(id).filter(a => isEntitled(a.state))
      const open = tables.operationsOf(id).filter(o => !isTerminal(o.state))
      return {
        service,
        assignments: entitled.map(row => toAssignment(row, tables)),
        aspects: new Map(aspects.get(id)),
        operations: open.sort((a, b) => a.seq - b.seq).map(toOpenOperation),
      }
    },

    servicesAt(address: string): string | undefined {
      const found = [...assignments.values()].filter(
        a => a.address === address && (a.state === 'reserved' || a.state === 'active'),
      )
      return (found.find(a => !a.licence) ?? found[0])?.service
    },

    /** All or nothing: what a unique index refuses is found before anything is written. */
    save({ events: stored, services: decided, causes }: Changes): void {
      for (const event of stored) {
        if (events.has(`${event.source}\n${event.event_id}`)) throw new UniqueViolation('event_once')
      }
      for (const { before, after } of decided) {
        const id = after.service?.id
        if (before.service === undefined && id !== undefined && services.has(id))
          throw new UniqueViolation('service_pkey')
      }
      for (const { before, after } of decided) saveService(before, after, causes)
      const planned = decided.flatMap(({ after }) => after.operations)
      for (const event of stored) {
        const led = planned.filter(o => o.eventId === event.id).map(o => o.id)
        events.set(`${event.source}\n${event.event_id}`, {
          eventId: event.event_id,
          bodyHash: event.body_hash,
          operations: led,
          ...event,
        })
      }
    },
  }

  function saveService(before: ServiceState, after: ServiceState, causes: ReadonlyMap<string, string>): void {
    const owner = after.service?.id
    if (after.service && after.service !== before.service) services.set(after.service.id, after.service)
    const known = new Map(before.assignments.map(a => [a.id, a]))
    for (const a of after.assignments) {
      const was = known.get(a.id)
      if (was !== undefined && was !== a) updateAssignment(was, a)
    }
    for (const a of after.assignments) if (!known.has(a.id)) insertAssignment(a, owner ?? '')
    for (const [name, aspect] of after.aspects) {
      if (owner === undefined || before.aspects.get(name) === aspect) continue
      aspects.set(owner, new Map(aspects.get(owner)).set(name, aspect))
    }
    const running = new Map(before.operations.map(o => [o.id, o]))
    for (const o of after.operations) {
      const was = running.get(o.id)
      if (was === undefined) insertOperation(o, owner, causes)
      else if (was !== o) updateOperation(o)
    }
  }

  function insertAssignment(a: Assignment, service: string): void {
    for (const other of tables.assignmentsOf(service)) {
      const isSame = other.slot === a.slot && other.family === a.family
      if (isSame && isEntitled(other.state)) throw new UniqueViolation('assignment_one_per_slot')
    }
    tables.insertAssignment({
      service,
      space: undefined,
      connection: undefined,
      ptr: null,
      conflicts: 0,
      ...a,
      // One that takes another's place begins anew.
      address: undefined,
      assignedAt: undefined,
      releasedAt: undefined,
    })
  }

  /** Only what the planner decided: state and address belong to the workers. */
  function updateAssignment(
    was: Assignment,
    { state, ptrWish, ptrStamp, entitled, licence, held, id }: Assignment,
  ): void {
    const row = assignments.get(id)
    if (row === undefined) return
    if (state === 'releasing') row.state = 'releasing'
    if (was.ptrWish !== ptrWish || !sameStamp(was.ptrStamp, ptrStamp)) {
      set(row, 'ptrWish', ptrWish)
      set(row, 'ptrStamp', ptrStamp)
    }
    Object.assign(row, { entitled, licence, held })
  }

  function insertOperation(
    o: OpenOperation,
    service: string | undefined,
    causes: ReadonlyMap<string, string>,
  ): void {
    const pause = { queued: 5_000, waiting: 86_400_000 }[o.state as string]
    tables.insertOperation({
      id: o.id,
      kind: o.kind,
      state: o.state,
      service,
      assignment: o.assignmentId,
      event: o.eventId,
      cause: causes.get(o.eventId) ?? '',
      payload: o.payload,
      stamp: o.stamp,
      announceAt: pause === undefined ? undefined : now() + pause,
      createdAt: now(),
    })
  }

  function updateOperation(o: OpenOperation): void {
    const row = operations.get(o.id)
    if (row === undefined) return
    const isAsleep = row.state === 'queued' || row.state === 'waiting' || row.state === 'parked'
    if (o.state === 'superseded' && isAsleep)
      Object.assign(row, { state: 'superseded', announceAt: undefined })
    if (o.state === 'queued' && (row.state === 'waiting' || row.state === 'queued')) {
      Object.assign(row, { state: 'queued', announceAt: now() + 5_000, seq: tables.nextSeq() })
    }
  }
}

function set<T extends object, K extends keyof T>(row: T, key: K, value: T[K] | undefined): void {
  if (value === undefined) delete row[key]
  else row[key] = value
}

function toAssignment(row: AssignmentRow, tables: Tables): Assignment {
  const { service: _, space: __, connection: ___, ptr: ____, conflicts: _____, address, ...rest } = row
  const former = formerOf(row, tables)
  return {
    ...rest,
    ...(address === undefined ? {} : { address }),
    ...(row.assignedAt === undefined ? {} : { since: row.assignedAt }),
    ...(former.length > 0 ? { former } : {}),
  }
}

/** The addresses that the slot had before, last one first. */
function formerOf({ replaces }: AssignmentRow, tables: Tables): FormerAddress[] {
  const old = tables.assignments.get(replaces ?? '')
  if (old === undefined) return []
  const { requested, assignedAt, releasedAt } = old
  const address = old.address ?? (old.replaces === undefined ? requested : undefined)
  const isKnown = old.address === undefined || assignedAt !== undefined
  const since = assignedAt === undefined ? {} : { since: assignedAt }
  const until = releasedAt === undefined || old.address === undefined ? {} : { until: releasedAt }
  const own = address !== undefined && isKnown ? [{ address, ...since, ...until }] : []
  return [...own, ...formerOf(old, tables)]
}

function toOpenOperation(row: OperationRow): OpenOperation {
  const { id, kind, state, assignment, event, payload, stamp } = row
  const open = { id, kind, state, eventId: event ?? '', payload, stamp: stamp ?? { t: 0, s: '' } }
  return assignment === undefined ? open : { assignmentId: assignment, ...open }
}
