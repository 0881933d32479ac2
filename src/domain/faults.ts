import type { z } from 'zod'

/** One thing that is wrong with what came in. */
export interface Fault {
  /** A JSON pointer to the field (RFC 6901), such as `/data/service/id`. */
  pointer: string
  /** What is wrong, as the rest of a sentence that begins with the pointer. */
  message: string
}

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

/** Says what zod found in words that a stranger to our code understands: one fault for each field. */
export function faultsOf(error: z.ZodError, input: unknown): Fault[] {
  const faults = error.issues.flatMap(issue => describe(issue, [], input))
  // The rules of a field build on each other: once one is broken, the others only add noise.
  return faults.filter((fault, index) => faults.findIndex(f => f.pointer === fault.pointer) === index)
}

function describe(issue: Issue, base: Path, input: unknown): Fault[] {
  const path = [...base, ...issue.path]
  const got = valueAt(input, path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map(key => fault([...path, key], 'is not a known field; check the spelling'))
    case 'invalid_union':
      return union(issue, path, input)
    case 'invalid_type':
      return [
        fault(
          path,
          got === undefined ? 'is missing' : `must be ${named(issue.expected)}, not ${kindOf(got)}`,
        ),
      ]
    case 'invalid_value':
      return [
        fault(path, got === undefined ? 'is missing' : `must be ${oneOf(issue.values)}, not ${shown(got)}`),
      ]
    case 'too_small':
      return [fault(path, `must ${amount(issue.origin, 'least', issue.minimum)}`)]
    case 'too_big':
      return [fault(path, `must ${amount(issue.origin, 'most', issue.maximum)}`)]
    case 'invalid_format':
      return [fault(path, issue.format === 'datetime' ? notATime(got) : issue.message)]
    case 'invalid_key':
      return [fault(path, issue.issues[0]?.message ?? issue.message)]
    default:
      return [fault(path, issue.message)]
  }
}

/** Of the forms that a field may have, the one that it was meant to have is told of. */
function union(issue: Extract<Issue, { code: 'invalid_union' }>, path: Path, input: unknown): Fault[] {
  const got = valueAt(input, path)
  // The field says which form the rest has.
  if ('options' in issue && issue.options) return [fault(path, choice(issue.options, got))]
  if (got === undefined) return [fault(path, 'is missing')]
  const isOtherType = ({ code, path }: Issue) => code === 'invalid_type' && path.length === 0
  const meant = issue.errors.find(issues => !issues.some(isOtherType))
  if (meant) return meant.flatMap(inner => describe(inner, path, input))
  const forms = issue.errors
    .flat()
    .flatMap(inner => (inner.code === 'invalid_type' ? named(inner.expected) : []))
  return [fault(path, `must be ${forms.join(' or ')}, not ${kindOf(got)}`)]
}

function fault(path: Path, message: string): Fault {
  return { pointer: pointerOf(path), message }
}

export function pointerOf(path: Path): string {
  return path.map(part => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

function valueAt(input: unknown, path: Path): unknown {
  return path.reduce((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], input)
}

const names: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  object: 'a JSON object',
  record: 'a JSON object',
  array: 'a list',
  boolean: 'true or false',
}

function named(expected: string): string {
  return names[expected] ?? expected
}

function kindOf(got: unknown): string {
  if (got === null) return 'null'
  if (Array.isArray(got)) return 'a list'
  if (typeof got === 'number') return Number.isInteger(got) ? 'a number' : `the number ${got}`
  return named(typeof got)
}

function oneOf(values: readonly unknown[]): string {
  const texts = values.map(value => JSON.stringify(value))
  return texts.length < 2 ? texts.join() : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`
}

function choice(options: readonly unknown[], got: unknown): string {
  return got === undefined
    ? `is missing; it must be ${oneOf(options)}`
    : `must be ${oneOf(options)}, not ${shown(got)}`
}

function notATime(got: unknown): string {
  return `must be a date and time with its offset, such as 2026-01-31T12:00:00Z, not ${shown(got)}`
}

function amount(origin: string, bound: 'least' | 'most', limit: number | bigint): string {
  const unit = { string: ' characters', array: ' entries' }[origin]
  if (unit === undefined) return `be at ${bound} ${limit}`
  return bound === 'least' && limit === 1 ? 'not be empty' : `have at ${bound} ${limit}${unit}`
}

function shown(got: unknown): string {
  const text = JSON.stringify(got)
  return text.length > 60 ? kindOf(got) : text
}
