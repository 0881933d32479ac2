import { describe, expect, it } from 'vitest'
import { detailsOf, shown, tableOf } from '../../src/cli/output.ts'

describe('What is printed', () => {
  it('stands in columns as wide as their widest cell', () => {
    const lines = tableOf(
      [
        { name: 'a', free: 12 },
        { name: 'longer', free: null },
      ],
      {
        NAME: item => item.name,
        FREE: item => item.free,
      },
    )
    expect(lines).toEqual(['NAME    FREE', 'a       12', 'longer  -'])
  })

  it('shows an object by its fields, and its lists as tables below', () => {
    const lines = detailsOf({ id: 7, addresses: [{ address: '192.0.2.7', ptr: null }], pools: [] })
    expect(lines).toEqual(['id     7', 'pools  -', '', 'addresses:', '  address    ptr', '  192.0.2.7  -'])
  })

  it('cannot steer the terminal, whoever wrote it', () => {
    expect(shown('evil\u001b[2J\r\nnext\u202e')).toBe('evil\\u{1b}[2J\\u{d}\\u{a}next\\u{202e}')
    expect(shown({ 'a\u001b': 'b\u0007' })).not.toMatch(/\p{Cc}/u)
  })
})
