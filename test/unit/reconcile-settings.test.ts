import { describe, expect, it } from 'vitest'
import { actionFor, policiesIn } from '../../src/domain/reconcile-settings.ts'

describe('The policy fix-theirs for what carries the conflict PTR', () => {
  const policies = policiesIn({ policies: { conflict: 'fix-theirs' } }, false)
  const expected = { conflictPtr: 'dns.set.error', ptrs: true }
  const act = (ours: object | null, theirs: object) =>
    actionFor({ class: 'conflict', address: '192.0.2.7', ours, theirs }, policies, { claim: true, expected })

  it('writes our name where the record is ours', () => {
    expect(act({ marker: 'ipb:1' }, { marker: 'ipb:1' })).toBe('ptr')
  })

  it('only reports where the record is the claimant’s, or nobody of ours has the address', () => {
    expect(act({ marker: 'ipb:1' }, { marker: 'ipb:2' })).toBe('report')
    expect(act(null, { marker: 'ipb:2' })).toBe('report')
  })
})
