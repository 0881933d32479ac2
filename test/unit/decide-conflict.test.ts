import { describe, expect, it } from 'vitest'
import { type ConflictFacts, decideConflict, type Side } from '../../src/domain/conflict.ts'

const address = '192.0.2.1'
const side = (more: Partial<Side>): Side => ({
  assignment: 'a',
  service: 's1',
  state: 'active',
  address,
  connection: 'ipam',
  server: 'node1',
  guest: null,
  busy: false,
  conflicts: 0,
  ...more,
})
const facts = (more: Partial<ConflictFacts>): ConflictFacts => ({
  id: 'k',
  address,
  connection: 'ipam',
  marker: 'ipb:b',
  resolved: false,
  decided: undefined,
  holder: side({}),
  metHolder: 's1',
  claimant: side({ assignment: 'b', service: 's2', address: '192.0.2.2' }),
  heldBy: 's1',
  ...more,
})
const newId = () => 'new'

describe('A conflict', () => {
  it('between two addresses of one service can be decided for the claimant', () => {
    const claimant = side({ assignment: 'b', address: '192.0.2.2' })
    expect(decideConflict(facts({ claimant }), 'claimant', newId)).toMatchObject({
      replaced: [{ assignment: 'a' }, { assignment: 'b', requested: address }],
    })
  })

  it('whose claimant has got the address since is the holder’s: that is the same by now', () => {
    const now = side({ assignment: 'b', conflicts: 1 })
    const met = facts({ holder: now, claimant: now })
    expect(decideConflict(met, 'claimant', newId)).toEqual({
      code: 'wrong_state',
      why: `service s1 has ${address} by now: decide for the holder`,
    })
    expect(decideConflict(met, 'holder', newId)).toMatchObject({ operations: [{ assignment: 'b' }] })
  })
})
