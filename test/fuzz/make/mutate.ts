import fc from 'fast-check'
import { nastyText, nastyValue } from './nasty.ts'

/** One change to a JSON value: which of its places, and what becomes of it. */
export type Change =
  | { what: 'put'; at: number; value: unknown }
  | { what: 'drop' | 'wrap' | 'text' | 'double'; at: number }
  | { what: 'add'; at: number; key: string; value: unknown }
  | { what: 'deep'; at: number; levels: number }

const at = fc.nat(60)

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ what: fc.constant('put' as const), at, value: nastyValue }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constantFrom('drop', 'wrap', 'text', 'double'), at }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant('add' as const), at, key: nastyText, value: nastyValue }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant('deep' as const), at, levels: fc.constantFrom(19, 21, 400) }),
  },
)

/** Few changes, so that what comes of them gets far before it is found to be wrong. */
export const changes: fc.Arbitrary<Change[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Change[]>([]) },
  { weight: 5, arbitrary: fc.array(change, { minLength: 1, maxLength: 1 }) },
  { weight: 1, arbitrary: fc.array(change, { minLength: 2, maxLength: 4 }) },
)

/** A copy of the value with the changes in it. Places are counted through the whole of it, and around. */
export function mutate(value: unknown, list: readonly Change[]): unknown {
  return list.reduce<unknown>(apply, structuredClone(value))
}

function apply(root: unknown, change: Change): unknown {
  const holder = { root }
  const places = [...placesOf(holder)]
  const place = places[change.at % places.length]
  if (place === undefined) return root
  const [parent, key] = place
  const old: unknown = Reflect.get(parent, key)
  switch (change.what) {
    case 'put':
      define(parent, key, structuredClone(change.value))
      break
    case 'drop':
      if (parent !== holder) Reflect.deleteProperty(parent, key)
      break
    case 'wrap':
      define(parent, key, [old])
      break
    case 'text':
      define(parent, key, typeof old === 'string' ? Number(old) || 0 : String(old))
      break
    case 'double':
      define(parent, key, [old, structuredClone(old)])
      break
    case 'deep':
      define(parent, key, nested(change.levels))
      break
    case 'add':
      add(old !== null && typeof old === 'object' ? old : parent, change.key, structuredClone(change.value))
  }
  return holder.root
}

function nested(levels: number): unknown {
  let value: unknown = 'deep'
  for (let n = 0; n < levels; n++) value = n % 2 === 0 ? [value] : { a: value }
  return value
}

function add(target: object, key: string, value: unknown): void {
  if (Array.isArray(target)) target.push(value)
  else define(target, key, value)
}

/** Also for `__proto__`, as JSON.parse does. */
function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true })
}

function* placesOf(parent: object, depth = 0): Generator<[object, string]> {
  for (const [key, value] of Object.entries(parent)) {
    yield [parent, key]
    if (value !== null && typeof value === 'object' && depth < 12) yield* placesOf(value, depth + 1)
  }
}

/** How a text is spoilt, by where in it (0 to 1). */
export type Spoil = { how: (typeof spoils)[number]; where: number }

const spoils = [
  'cut',
  'nul',
  'bom',
  'latin1',
  'surrogate',
  'huge number',
  'repeat',
  'swap',
  'comma',
  'deep',
  'quote',
] as const

/** Mostly not at all. */
export const spoil: fc.Arbitrary<Spoil | undefined> = fc.oneof(
  { weight: 5, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.record({
      how: fc.constantFrom(...spoils),
      where: fc.nat(999).map(n => n / 1_000),
    }),
  },
)

/** The text as bytes, spoilt. */
export function spoilt(text: string, given: Spoil | undefined): Buffer {
  const at = Math.floor((given?.where ?? 0) * text.length)
  const put = (what: string) => Buffer.from(text.slice(0, at) + what + text.slice(at))
  switch (given?.how) {
    case undefined:
      return Buffer.from(text)
    case 'cut':
      return Buffer.from(text.slice(0, at))
    case 'nul':
      return put('\0')
    case 'bom':
      return Buffer.from(`\ufeff${text}`)
    case 'latin1':
      return Buffer.concat([
        Buffer.from(text.slice(0, at)),
        Buffer.from([0xff, 0xc3, 0x28]),
        Buffer.from(text.slice(at)),
      ])
    case 'surrogate':
      return put('\\ud800')
    case 'huge number':
      return Buffer.from(text.replace(/\d+/, '1e400'))
    case 'repeat':
      return Buffer.from(text.replace(/\{("[^"]+":)/, '{$1null,$1'))
    case 'swap':
      return Buffer.from(text.slice(at) + text.slice(0, at))
    case 'comma':
      return put(',')
    case 'quote':
      return put('"')
    case 'deep':
      return Buffer.from(text.slice(0, at) + '['.repeat(50_000) + text.slice(at))
  }
}
