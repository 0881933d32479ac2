import { describe, expect, it } from 'vitest'
import { nothingKnown, type ServiceState } from '../../src/domain/service-state.ts'
import { events } from '../helpers/events.ts'
import { inShort, tell, tellOne } from '../helpers/planner.ts'

const on = (server: string, at: number) => events.created({ id: 'vps-1', server }, { at })

/** As it is while a worker gives the service its address. */
function underWay(state: ServiceState): ServiceState {
  return { ...state, operations: state.operations.map(o => ({ ...o, state: 'running' as const })) }
}

describe('A service that moves while it gets its address', () => {
  it('has it taken off the old server, where the allocation may yet bring it', () => {
    const { state, operations } = tellOne(underWay(tell(nothingKnown, on('node1', 1))), on('node2', 2))
    expect(inShort(state, operations)).toEqual([
      'release queued main',
      'allocate queued main',
      'allocate queued main',
    ])
    expect(operations[0]?.payload).toEqual({ keep: true, leaves: { server: 'node1' } })
  })
})
