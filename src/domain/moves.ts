import { add, operation, put, type Step } from './changes.ts'
import { type Assignment, entitledAssignments, type Service, type ServiceState } from './service-state.ts'
import { allocate } from './slots.ts'

/**
 * A service goes to another server. Its addresses go with it where the new server's IPAM lets them: then they are
 * taken off the old server first, since no address may be at two places, and configured on the new one. Else
 * each is replaced by one that the new server can use, and given back once that one works.
 */
export function move(state: ServiceState, from: Service, to: Service, step: Step): ServiceState {
  const leaves = { server: from.server ?? '', ...(from.guest === undefined ? {} : { guest: from.guest }) }
  const follow = step.canFollow?.(leaves.server, to.server ?? '') ?? true
  return entitledAssignments(state)
    .filter(assignment => assignment.held)
    .reduce<ServiceState>((next, assignment) => {
      if (!follow) return replaceAddress(next, assignment, leaves, step)
      const takeOff = operation('release', step, {
        assignmentId: assignment.id,
        payload: { leaves, keep: true },
      })
      // An allocation that is under way may yet bring its address to the old server: whoever has claimed it by the
      // time that this is stored saw the service there.
      const mayBeThere = assignment.address !== undefined || isComing(state, assignment)
      return allocate(mayBeThere ? add(next, takeOff) : next, assignment.id, step)
    }, state)
}

function isComing({ operations }: ServiceState, { id }: Assignment): boolean {
  return operations.some(
    o => o.kind === 'allocate' && o.assignmentId === id && (o.state === 'running' || o.state === 'queued'),
  )
}

function replaceAddress(
  state: ServiceState,
  old: Assignment,
  leaves: { server: string; guest?: string },
  step: Step,
): ServiceState {
  // The address and pool that were asked for are those of the server that it leaves.
  const { address, requested, pool: _, since, former = [], ...wanted } = old
  const given = address ?? requested
  const anew: Assignment = {
    ...wanted,
    id: step.newId(),
    state: 'pending',
    replaces: old.id,
    former: given === undefined ? former : [{ address: given, since }, ...former],
  }
  const leaving = put(put(state, { ...old, state: 'releasing' }), anew)
  const ended = {
    ...leaving,
    operations: leaving.operations.map(o =>
      o.assignmentId === old.id && o.kind !== 'release' && o.state !== 'running'
        ? { ...o, state: 'superseded' as const }
        : o,
    ),
  }
  const payload = { leaves, replacedBy: anew.id }
  return add(allocate(ended, anew.id, step), operation('release', step, { assignmentId: old.id, payload }))
}
