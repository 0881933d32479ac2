import type { BillingEvent } from '../../src/domain/events.ts'
import { markerOf } from '../../src/domain/marker.ts'
import { plan } from '../../src/domain/plan.ts'
import {
  type Assignment,
  nothingKnown,
  type OpenOperation,
  type ServiceState,
} from '../../src/domain/service-state.ts'
import type { AssignmentRecord, Snapshot } from '../../src/domain/snapshot.ts'
import { isEntitled, isTerminal } from '../../src/domain/states.ts'

interface Known {
  state: ServiceState
  /** Assignments that were released, and operations that ended. */
  released: Assignment[]
  ended: OpenOperation[]
}

export type Model = ReturnType<typeof createModel>

/**
 * ipbridge without a database, a queue or an IPAM: the planner, and workers that do one thing at a time. Every
 * slot is given the same address each time, as a service is that comes back while its address is in quarantine.
 */
export function createModel() {
  const services = new Map<string, Known>()
  const inbox = new Map<string, BillingEvent & { key: string; status: string }>()
  let ids = 0
  const newId = () => `00000000-0000-7000-8000-${String(++ids).padStart(12, '0')}`

  const granted = new Map<string, string>()

  function grant(service: string, { slot, family }: Assignment): string {
    const key = `${service} ${slot} ${family}`
    const n = granted.size + 1
    const address = granted.get(key) ?? (family === 4 ? `198.51.100.${n}` : `2001:db8::${n.toString(16)}`)
    granted.set(key, address)
    return address
  }

  function known(service: string): Known {
    return services.get(service) ?? { state: nothingKnown, released: [], ended: [] }
  }

  /** What ended leaves the state that the planner sees. */
  function settle(service: string, { state, released, ended }: Known): void {
    const isOver = ({ state }: OpenOperation) => isTerminal(state)
    services.set(service, {
      state: { ...state, operations: state.operations.filter(o => !isOver(o)) },
      released,
      ended: [...ended, ...state.operations.filter(isOver)],
    })
  }

  /** What a worker does with an operation that it has claimed. */
  function work(service: string, before: Known, operation: OpenOperation): Known {
    const { state } = before
    const assignment = state.assignments.find(a => a.id === operation.assignmentId)
    const end = (outcome: OpenOperation['state'], assignments = state.assignments): Known => ({
      ...before,
      state: {
        ...state,
        assignments,
        operations: state.operations.map(o => (o.id === operation.id ? { ...o, state: outcome } : o)),
      },
    })
    if (operation.kind === 'allocate') {
      if (assignment === undefined || !isEntitled(assignment.state)) return end('superseded')
      const address = assignment.requested ?? grant(service, assignment)
      return end(
        'done',
        state.assignments.map(a => (a.id === assignment.id ? { ...a, address, state: 'active' } : a)),
      )
    }
    if (operation.kind !== 'release' || assignment === undefined) return end('done')
    const over = end(
      'done',
      state.assignments.filter(a => a.id !== assignment.id),
    )
    return { ...over, released: [...before.released, { ...assignment, state: 'released' }] }
  }

  return {
    /** Takes in an event. One that was taken in before changes nothing, as in the inbox. */
    deliver(service: string, event: BillingEvent): void {
      const key = `${event.source} ${event.id}`
      if (inbox.has(key)) return
      const before = known(service)
      const planned = plan(before.state, event, { eventId: key, newId })
      inbox.set(key, { ...event, key, status: planned.status })
      settle(service, { ...before, state: planned.state })
    },

    /** A worker claims the service's next operation: what it does takes effect only when it finishes. */
    claim(service: string): void {
      const before = known(service)
      const { operations } = before.state
      const next = operations.find(o => o.state === 'running') ?? operations.find(o => o.state === 'queued')
      if (next === undefined || next.state === 'running') return
      const running = operations.map(o => (o === next ? { ...o, state: 'running' as const } : o))
      services.set(service, { ...before, state: { ...before.state, operations: running } })
    },

    finish(service: string): void {
      const before = known(service)
      const running = before.state.operations.find(o => o.state === 'running')
      if (running) settle(service, work(service, before, running))
    },

    /** Does all that there is to do. */
    finishAll(): void {
      for (const service of services.keys()) {
        this.finish(service)
        while (known(service).state.operations.some(o => o.state === 'queued')) {
          this.claim(service)
          this.finish(service)
        }
      }
    },

    state: (service: string) => known(service).state,

    /** The addresses that a service has now. */
    addresses: (service: string) =>
      known(service).state.assignments.flatMap(a => (a.state === 'active' && a.address ? [a.address] : [])),

    /** All of it, to be judged by the invariants. */
    snapshot(): Snapshot {
      const all = [...services].flatMap(([service, { state, released }]) =>
        [...released, ...state.assignments].map(a => recordOf(service, a)),
      )
      return {
        events: [...inbox.values()],
        services: [...services].flatMap(
          ([
            id,
            {
              state: { service },
            },
          ]) =>
            service
              ? [
                  {
                    id,
                    state: service.state,
                    domain: service.domain ?? null,
                    created: service.created ?? null,
                  },
                ]
              : [],
        ),
        assignments: all,
        operations: [...services].flatMap(([service, { state, ended }]) =>
          [...ended, ...state.operations].map(({ id, kind, state, assignmentId, eventId }) => ({
            id,
            kind,
            state,
            service,
            assignment: assignmentId ?? null,
            event: eventId,
            cause: `event:${eventId}`,
          })),
        ),
        records: all
          .filter(a => a.state !== 'released' && a.held && a.address !== null)
          .map(({ address, marker }) => ({
            address: address ?? '',
            space: 'default',
            marker,
            ptr: undefined,
          })),
        conflicts: new Set(),
      }
    },
  }
}

function recordOf(service: string, a: Assignment): AssignmentRecord {
  return {
    id: a.id,
    service,
    slot: a.slot,
    family: a.family,
    state: a.state,
    address: a.address ?? null,
    requested: a.requested ?? null,
    space: 'default',
    marker: markerOf({ id: a.id, conflicts: 0 }),
    licence: a.licence,
    held: a.held,
    ptr: null,
    entitled: a.entitled,
    replaces: a.replaces ?? null,
    assignedAt: null,
    releasedAt: null,
    quarantine: null,
  }
}
