import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { faultsOf, pointerOf } from '../../src/domain/faults.ts'

/** What is wrong with a value, as `pointer message`. */
function faults(schema: z.ZodType, input: unknown): string[] {
  const result = schema.safeParse(input)
  if (result.success) throw new Error('nothing is wrong with it')
  return faultsOf(result.error, input).map(({ pointer, message }) => `${pointer} ${message}`)
}

const form = z.strictObject({
  name: z
    .string()
    .min(2)
    .max(5)
    .regex(/^[a-z]+$/, 'must be lower-case letters'),
  size: z.int().min(1).max(9).optional(),
  kind: z.enum(['a', 'b', 'c']).optional(),
  list: z.array(z.string()).min(1).max(2).optional(),
  on: z.boolean().optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  who: z.union([z.string().min(1), z.strictObject({ id: z.string() })]).optional(),
})

describe('A fault', () => {
  it.each<[object, string]>([
    [{}, '/name is missing'],
    [{ name: null }, '/name must be text, not null'],
    [{ name: ['ab'] }, '/name must be text, not a list'],
    [{ name: {} }, '/name must be text, not a JSON object'],
    [{ name: 'a' }, '/name must have at least 2 characters'],
    [{ name: 'abcdef' }, '/name must have at most 5 characters'],
    [{ name: 'AB' }, '/name must be lower-case letters'],
    [{ name: 'ab', size: '5' }, '/size must be a number, not text'],
    [{ name: 'ab', size: 0.5 }, '/size must be a whole number, not the number 0.5'],
    [{ name: 'ab', size: 0 }, '/size must be at least 1'],
    [{ name: 'ab', size: 10 }, '/size must be at most 9'],
    [{ name: 'ab', kind: 'd' }, '/kind must be "a", "b" or "c", not "d"'],
    [{ name: 'ab', kind: 'd'.repeat(61) }, '/kind must be "a", "b" or "c", not text'],
    [{ name: 'ab', list: 'x' }, '/list must be a list, not text'],
    [{ name: 'ab', list: [] }, '/list must not be empty'],
    [{ name: 'ab', list: ['x', 'y', 'z'] }, '/list must have at most 2 entries'],
    [{ name: 'ab', list: ['x', 7] }, '/list/1 must be text, not a number'],
    [{ name: 'ab', on: 'yes' }, '/on must be true or false, not text'],
    [
      { name: 'ab', since: 'today' },
      '/since must be a date and time with its offset, such as 2026-01-31T12:00:00Z, not "today"',
    ],
    [{ name: 'ab', who: 7 }, '/who must be text or a JSON object, not a number'],
    [{ name: 'ab', who: '' }, '/who must not be empty'],
    [{ name: 'ab', who: {} }, '/who/id is missing'],
    [{ name: 'ab', extra: 1 }, '/extra is not a known field; check the spelling'],
  ])('in %j: %s', (input, fault) => {
    expect(faults(form, input)).toEqual([fault])
  })

  it('is told once for each field', () => {
    expect(faults(form, { name: 'ABCDEFGH', size: 0.5, extra: 1, more: 2 })).toEqual([
      '/name must have at most 5 characters',
      '/size must be a whole number, not the number 0.5',
      '/extra is not a known field; check the spelling',
      '/more is not a known field; check the spelling',
    ])
  })

  it('in the field that tells forms apart lists them all', () => {
    const shape = z.discriminatedUnion('type', [
      z.object({ type: z.literal('circle') }),
      z.object({ type: z.literal('square') }),
    ])
    expect(faults(shape, { type: 'line' })).toEqual(['/type must be "circle" or "square", not "line"'])
    expect(faults(shape, {})).toEqual(['/type is missing; it must be "circle" or "square"'])
  })

  it('of the whole value has an empty pointer', () => {
    expect(faults(form, 'x')).toEqual([' must be a JSON object, not text'])
  })

  it('points with JSON pointers, in which ~ and / are escaped', () => {
    expect(pointerOf(['a/b', '~', 0])).toBe('/a~1b/~0/0')
  })
})
