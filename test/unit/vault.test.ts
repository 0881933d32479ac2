import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVault } from '../../src/db/vault.ts'

const [oldKey, newKey, otherKey] = [1, 2, 3].map(fill => Buffer.alloc(32, fill)) as [Buffer, Buffer, Buffer]
const place = 'connection:7:password'

describe('A sealed secret', () => {
  const vault = createVault([oldKey])

  it('opens as what it was', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        text => vault.open(vault.seal(text, place), place) === text,
      ),
    )
  })

  it('does not show what it is, and is never sealed alike twice', () => {
    const [one, two] = [vault.seal('hunter2', place), vault.seal('hunter2', place)]
    expect(one).not.toBe(two)
    for (const sealed of [one, two]) {
      expect(sealed).toMatch(/^v1\.[\w-]{8}\.[\w-]{16}\.[\w-]{22}\.[\w-]+$/)
      expect(Buffer.from(sealed.split('.').at(-1) ?? '', 'base64url').toString()).not.toContain('hunter2')
    }
  })

  it('opens nowhere but in its place', () => {
    const sealed = vault.seal('hunter2', place)
    expect(() => vault.open(sealed, 'connection:8:password')).toThrow(
      'the secret at connection:8:password is damaged or belongs elsewhere; enter it anew',
    )
  })

  it('does not open when any byte of it was changed', () => {
    const parts = vault.seal('hunter2', place).split('.')
    for (const part of [2, 3, 4]) {
      const bytes = Buffer.from(parts[part] ?? '', 'base64url')
      for (let at = 0; at < bytes.length; at++) {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ 1
        const tampered = parts.with(part, changed.toString('base64url')).join('.')
        expect(() => vault.open(tampered, place)).toThrow(/is damaged/)
      }
    }
  })

  it.each([4, 8, 12, 15])('does not open with a seal cut down to %i bytes', length => {
    const parts = vault.seal('hunter2', place).split('.')
    const tag = Buffer.from(parts[3] ?? '', 'base64url').subarray(0, length)
    expect(() => vault.open(parts.with(3, tag.toString('base64url')).join('.'), place)).toThrow(/is damaged/)
  })

  it.each(['', 'v1', 'hunter2', 'v1.aaaaaaaa...', '....'])('is not %j', text => {
    expect(() => vault.open(text, place)).toThrow(/the secret at connection:7:password/)
  })

  it('is not given away by the error that refuses it', () => {
    const parts = vault.seal('hunter2', place).split('.')
    try {
      vault.open(parts.with(4, `${parts[4]}AA`).join('.'), place)
    } catch (error) {
      expect(JSON.stringify([error, (error as Error).message, (error as Error).cause])).not.toContain(
        'hunter2',
      )
      return
    }
    throw new Error('it opened')
  })
})

describe('When keys are rotated, a secret', () => {
  const sealed = createVault([oldKey]).seal('hunter2', place)

  it('still opens, and wants sealing anew', () => {
    const vault = createVault([newKey, oldKey])
    expect(vault.open(sealed, place)).toBe('hunter2')
    expect(vault.isOutdated(sealed)).toBe(true)
    const renewed = vault.seal('hunter2', place)
    expect(vault.isOutdated(renewed)).toBe(false)
    expect(createVault([newKey]).open(renewed, place)).toBe('hunter2')
  })

  it('whose key is gone says how to get it back', () => {
    expect(() => createVault([newKey, otherKey]).open(sealed, place)).toThrow(
      'the secret at connection:7:password was sealed with a key that IPBRIDGE_SECRET does not hold; add the old key after the new one, separated by a comma',
    )
  })

  it('cannot be sealed at all without a key', () => {
    expect(() => createVault([])).toThrow('IPBRIDGE_SECRET holds no key')
  })
})
