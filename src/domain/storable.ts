/** Why a value cannot be stored, and where in it. */
export interface Unstorable {
  path: PropertyKey[]
  message: string
}

/** Deeper than any set-up of a service, and far from what overflows the stack here or in PostgreSQL. */
const mostLevels = 20

/** Text that PostgreSQL holds: neither NUL nor half of a surrogate pair. */
export const storableText = /^[^\0\p{Cs}]*$/u

/** Looks for what PostgreSQL's `jsonb` cannot hold. @returns the first thing found */
export function findUnstorable(value: unknown, path: PropertyKey[] = []): Unstorable | undefined {
  switch (typeof value) {
    case 'string':
      return storableText.test(value) ? undefined : { path, message: 'must be Unicode text without NUL' }
    case 'number':
    case 'boolean':
      return undefined
    case 'object':
      return value === null ? undefined : findInside(value, path)
    default:
      return { path, message: 'must be JSON' }
  }
}

function findInside(value: object, path: PropertyKey[]): Unstorable | undefined {
  if (path.length >= mostLevels)
    return { path, message: `must not be nested deeper than ${mostLevels} levels` }
  for (const [key, member] of Object.entries(value)) {
    if (!storableText.test(key)) return { path, message: 'must have names that are Unicode text without NUL' }
    const found = findUnstorable(member, [...path, key])
    if (found) return found
  }
  return undefined
}
