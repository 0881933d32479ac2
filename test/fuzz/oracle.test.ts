import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IpbridgeError } from '../../src/errors.ts'
import { canary, expectNoSecret, expectRefusal } from './door.ts'
import { mutate } from './make/mutate.ts'

describe('What judges the answers to bad input', () => {
  it('lets a refusal with a code of ours pass', () => {
    expect(expectRefusal(new IpbridgeError('panel_refused', 'it says no')).code).toBe('panel_refused')
  })

  it.each([
    ['a failure that nobody foresaw', new TypeError('x is undefined')],
    ['a failure that is our own mistake', new IpbridgeError('internal', 'oops')],
    ['a refusal without a word', new IpbridgeError('not_found', '')],
    ['a refusal that tells a secret', new IpbridgeError('panel_refused', `bad password ${canary}-1`)],
  ])('does not let %s pass', (_, error) => {
    expect(() => expectRefusal(error)).toThrow()
  })

  it('sees a secret wherever it is', () => {
    expect(() => expectNoSecret(`{"a":"${canary}"}`)).toThrow()
    expect(() => expectNoSecret('nothing')).not.toThrow()
  })

  it('tells the seed and the smallest input of a failure', async () => {
    const property = fc.asyncProperty(fc.nat(1_000), async n => {
      expect(n).toBeLessThan(100)
    })
    await expect(fc.assert(property, { seed: 7 })).rejects.toThrow(/seed: 7[\s\S]*Counterexample: \[100\]/)
  })
})

describe('A mutation', () => {
  it('changes the place that it names, and leaves the original', () => {
    const value = { a: [1, { b: 'x' }] }
    expect(mutate(value, [{ what: 'put', at: 3, value: null }])).toEqual({ a: [1, null] })
    expect(mutate(value, [{ what: 'drop', at: 4 }])).toEqual({ a: [1, {}] })
    expect(mutate(value, [{ what: 'double', at: 4 }])).toEqual({ a: [1, { b: ['x', 'x'] }] })
    expect(value).toEqual({ a: [1, { b: 'x' }] })
  })

  it('can name a field __proto__, as JSON can', () => {
    const changed = mutate({}, [{ what: 'add', at: 0, key: '__proto__', value: 1 }]) as object
    expect(JSON.stringify(changed)).toBe('{"__proto__":1}')
  })
})
