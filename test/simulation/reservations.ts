import type { Reservation, Reservations } from '../../src/db/reservations.ts'
import { sameStamp } from '../../src/domain/stamp.ts'
import { isFinal } from '../../src/domain/states.ts'
import type { Defect } from './broken.ts'
import type { OperationTable } from './operations.ts'
import type { AssignmentRow, OperationRow, Tables } from './tables.ts'

/** A port's calls, each of which happens at once. */
export type AtOnce<Port> = {
  [K in keyof Port]: Port[K] extends (...args: infer A) => Promise<infer R> ? (...args: A) => R : never
}

/** What src/db/reservations.ts does in SQL, said again statement by statement. */
export function reservationTable(
  tables: Tables,
  operations: OperationTable,
  now: () => number,
  defect?: Defect,
): AtOnce<Reservations> {
  const { assignments } = tables
  const isLive = (a: AssignmentRow) => a.state === 'reserved' || a.state === 'active'

  const isLettingGo = ({ id, service, state }: AssignmentRow) =>
    state === 'releasing' &&
    tables
      .operationsOf(service)
      .some(o => o.assignment === id && o.kind === 'release' && ['queued', 'running'].includes(o.state))

  function holderOf({
    assignmentId,
    addressSpace,
    address,
    licence,
  }: Parameters<Reservations['holderOf']>[0]) {
    if (licence) return undefined
    for (const a of assignments.values()) {
      if (a.state === 'released' || a.licence || a.id === assignmentId) continue
      if (a.space === addressSpace && a.address === address)
        return {
          assignmentId: a.id,
          serviceId: a.service,
          isEntitled: a.state !== 'releasing',
          isLettingGo: isLettingGo(a),
        }
    }
    return undefined
  }

  function write({ assignmentId, addressSpace, address, connectionId, ptr, ...fence }: Reservation) {
    if (!operations.held({ id: fence.operationId, epoch: fence.epoch })) return { outcome: 'lost' as const }
    const row = assignments.get(assignmentId)
    if (row === undefined || (row.state !== 'pending' && !isLive(row))) return { outcome: 'revoked' as const }
    const holder = holderOf({ assignmentId, addressSpace, address, licence: row.licence })
    if (holder && defect !== 'no unique index') return { outcome: 'held' as const, holder }
    const state = row.state === 'active' ? row.state : ('reserved' as const)
    Object.assign(row, { state, address, space: addressSpace, connection: connectionId, ptr })
    return { outcome: 'reserved' as const }
  }

  return {
    holderOf,
    reserve: write,

    liveAt(address, serviceId) {
      const found = [...assignments.values()].filter(
        a => a.address === address && isLive(a) && (serviceId === undefined || a.service === serviceId),
      )
      const row = found.find(a => !a.licence) ?? found[0]
      if (row === undefined) return undefined
      const { id, service, state, ptrStamp, conflicts, held } = row
      return { id, serviceId: service, state, ptrStamp: ptrStamp ?? null, conflicts, held }
    },

    hasGivenBack(address, serviceId) {
      const mine = tables.assignmentsOf(serviceId)
      const isGone = (a: AssignmentRow) => a.state === 'releasing' || a.state === 'released'
      const hadIt = mine.some(a => (a.address === address || a.requested === address) && isGone(a))
      return hadIt && mine.every(a => a.state !== 'pending')
    },

    standing(assignmentId) {
      const isPassing = ({ kind, state }: OperationRow) =>
        kind === 'release' && state !== 'superseded' && state !== 'cancelled'
      let row = assignments.get(assignmentId)
      for (let next = row; next !== undefined; ) {
        row = next
        const { id, service } = next
        const by = tables
          .operationsOf(service)
          .find(o => o.assignment === id && isPassing(o) && o.payload.replacedBy)
        next = assignments.get(by?.payload.replacedBy ?? '')
      }
      const open =
        row && tables.operationsOf(row.service).filter(o => o.assignment === row?.id && o.kind === 'allocate')
      const states = ['queued', 'running', 'waiting', 'parked']
      const first = open?.filter(o => states.includes(o.state)).sort((a, b) => a.seq - b.seq)[0]
      return { state: row?.state ?? 'released', open: first?.state }
    },

    wishPtr(fence, seen, ptr, stamp) {
      const operation = operations.held(fence)
      if (operation === undefined) return 'lost'
      const row = assignments.get(seen.id)
      if (row === undefined || !sameStamp(row.ptrStamp, seen.ptrStamp ?? undefined)) return 'overtaken'
      Object.assign(row, { ptrWish: ptr, ptrStamp: stamp })
      operation.assignment = row.id
      return 'written'
    },

    recordGuest(fence, { id, serverId }, guest) {
      const service = tables.services.get(id)
      if (!operations.held(fence) || service === undefined) return false
      if (service.server === serverId) tables.services.set(id, { ...service, guest })
      return true
    },

    keepFormer(fence, { serviceId, assignmentId }) {
      if (!operations.held(fence)) return 'lost'
      const anew = assignments.get(assignmentId)
      if (anew?.state !== 'pending') return 'revoked'
      Object.assign(anew, { state: 'released', releasedAt: now() })
      const waits = tables
        .operationsOf(serviceId)
        .find(
          o =>
            o.payload.replacedBy === assignmentId &&
            ['queued', 'waiting', 'parked', 'failed'].includes(o.state),
        )
      const old = assignments.get(waits?.assignment ?? '')
      if (waits === undefined || old?.state !== 'releasing') return 'revoked'
      Object.assign(waits, { state: 'superseded', announceAt: undefined, endedAt: now() })
      const { entitled, ptrWish, ptrStamp } = anew
      Object.assign(old, { state: 'active', entitled, ptrWish, ptrStamp })
      const enter = (kind: 'allocate' | 'release', payload: OperationRow['payload']) =>
        tables.insertOperation({
          id: tables.newId(),
          kind,
          state: 'queued',
          service: serviceId,
          assignment: old.id,
          event: undefined,
          cause: operations.held(fence)?.cause ?? '',
          payload,
          stamp: undefined,
          announceAt: now(),
          createdAt: now(),
        })
      const { leaves } = waits.payload
      if (leaves && leaves.server !== tables.services.get(serviceId)?.server)
        enter('release', { leaves, keep: true })
      enter('allocate', {})
      return 'kept'
    },

    isDecided(assignmentId) {
      const service = assignments.get(assignmentId)?.service ?? ''
      return tables
        .operationsOf(service)
        .some(
          o =>
            o.assignment === assignmentId && o.kind === 'allocate' && o.payload.settles && !isFinal(o.state),
        )
    },

    marksInConflict(conflict) {
      const address = tables.conflicts.get(conflict)?.address
      const open = [...tables.conflicts.values()].filter(c => c.address === address && !c.isResolved)
      return open.map(({ marker }) => marker)
    },

    settleConflict(fence, conflict) {
      const row = tables.conflicts.get(conflict)
      if (!operations.held(fence) || row === undefined) return false
      row.isResolved = true
      return true
    },

    recordConflict({ operationId, epoch, assignmentId, marker, address, holder }) {
      const row = assignments.get(assignmentId)
      if (!operations.held({ id: operationId, epoch }) || row === undefined) return false
      const id = tables.newId()
      tables.conflicts.set(id, {
        id,
        marker,
        address,
        claimant: assignmentId,
        holder: holder.assignmentId,
        decisions: [],
        isResolved: false,
      })
      row.conflicts += 1
      return true
    },
  }
}
