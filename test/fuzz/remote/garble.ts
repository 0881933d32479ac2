import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { type Change, changes, mutate } from '../make/mutate.ts'
import { nastyText } from '../make/nasty.ts'

/** What becomes of one right answer on its way back. */
export type Garble =
  | { how: (typeof simple)[number] }
  | { how: 'cut' | 'break off' | 'bytes'; where: number }
  | { how: 'values'; changes: Change[] }
  | { how: 'markup'; where: number; text: string }
  | { how: 'status'; status: number }
  | { how: 'header'; name: string; value: string }

/** How it is sent then. */
export interface Sent {
  status: number
  headers: Record<string, string>
  body: Buffer
  /** The connection is cut after so many bytes, or goes on for ever. */
  end?: { cutAfter: number } | 'drip' | 'endless'
}

const simple = [
  ...([
    'empty',
    'html',
    'null',
    'list',
    'text',
    'entities',
    'bomb',
    'elsewhere',
    'login page',
    'gzip',
    'gzip bomb',
  ] as const),
  ...([
    'utf-16',
    'latin1',
    'huge',
    'deep',
    'drip',
    'endless',
    'too long',
    'two lengths',
    'bad head',
    'nothing',
    'proto',
  ] as const),
] as const

const where = fc.nat(999).map(n => n / 1_000)
const headerNames = [
  'content-type',
  'content-length',
  'retry-after',
  'location',
  'set-cookie',
  'content-encoding',
  'x-y',
] as const

export const garbles: fc.Arbitrary<Garble> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...simple).map(how => ({ how })) },
  { weight: 4, arbitrary: fc.record({ how: fc.constantFrom('cut', 'break off', 'bytes'), where }) },
  {
    weight: 8,
    arbitrary: changes
      .filter(list => list.length > 0)
      .map(list => ({ how: 'values' as const, changes: list })),
  },
  { weight: 2, arbitrary: fc.record({ how: fc.constant('markup' as const), where, text: nastyText }) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(
        100,
        101,
        199,
        204,
        205,
        206,
        301,
        302,
        304,
        400,
        401,
        403,
        404,
        407,
        409,
        410,
        418,
        429,
        451,
        500,
        503,
        599,
        999,
      )
      .map(status => ({ how: 'status' as const, status })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      how: fc.constant('header' as const),
      name: fc.constantFrom(...headerNames),
      value: nastyText,
    }),
  },
)

/** Whether a garbled answer may still say something, and something false: then what comes of it is no fault of ours. */
export function mayLie({ how }: Garble): boolean {
  return ['values', 'markup', 'bytes', 'latin1', 'null', 'list', 'text', 'proto', 'deep'].includes(how)
}

/** @param elsewhere a URL on another host, which nobody may ever ask anything */
export function garbled(right: Sent, garble: Garble, elsewhere: string): Sent {
  const { status, headers, body } = right
  const text = body.toString()
  const as = (what: string | Buffer, more: Partial<Sent> = {}): Sent => ({
    status,
    headers,
    body: Buffer.from(what),
    ...more,
  })
  switch (garble.how) {
    case 'cut':
      return as(body.subarray(0, Math.floor(garble.where * body.length)))
    case 'break off':
      return as(body, { end: { cutAfter: Math.floor(garble.where * body.length) } })
    case 'bytes': {
      const at = Math.floor(garble.where * body.length)
      return as(
        Buffer.concat([body.subarray(0, at), Buffer.from([0, 0xff, 0xfe, 0xc3]), body.subarray(at + 4)]),
      )
    }
    case 'values':
      return as(withValues(text, garble.changes))
    case 'markup': {
      const at = Math.floor(garble.where * text.length)
      return as(text.slice(0, at) + garble.text + text.slice(at))
    }
    case 'status':
      return as(body, { status: garble.status })
    case 'header':
      return as(body, { headers: { ...headers, [garble.name]: garble.value.replace(/[^\t\x20-\x7e]/g, '') } })
    case 'empty':
      return as('')
    case 'nothing':
      return as('', { end: { cutAfter: 0 } })
    case 'html':
      return as('<!DOCTYPE html><html><body><h1>It works!</h1></body></html>', {
        headers: { 'content-type': 'text/html' },
      })
    case 'login page':
      return as('<form action="/login">', { status: 302, headers: { location: '/login' } })
    case 'elsewhere':
      return as('', { status: 307, headers: { location: elsewhere } })
    case 'null':
    case 'text':
      return as(garble.how === 'null' ? 'null' : '"text"')
    case 'list':
      return as(`[${text}]`)
    case 'proto':
      return as(text.replace('{', '{"__proto__":{"doc":{},"error":{}},"constructor":null,'))
    case 'entities':
      return as(
        '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><doc><elem><id>&x;</id></elem></doc>',
      )
    case 'bomb':
      return as(`<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">${bombs}]><doc>&i;</doc>`)
    case 'gzip':
      return as(gzipSync(body), { headers: { ...headers, 'content-encoding': 'gzip' } })
    case 'gzip bomb':
      return as(gzipBomb, { headers: { ...headers, 'content-encoding': 'gzip' } })
    case 'utf-16':
      return as(Buffer.from(text, 'utf16le'), {
        headers: { ...headers, 'content-type': 'text/xml; charset=utf-16' },
      })
    case 'latin1':
      return as(Buffer.from(text.replace(/[a-z]/, 'é'), 'latin1'))
    case 'huge':
      return as(text.replace(/[\d.]{4,}/, '9'.repeat(100_000)))
    case 'deep':
      return as(
        text.startsWith('<') ? '<a>'.repeat(20_000) : `${'{"doc":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
      )
    case 'drip':
    case 'endless':
      return as(body, { end: garble.how })
    case 'too long':
      return as(body, { headers: { ...headers, 'content-length': '99999999999' } })
    case 'two lengths':
    case 'bad head':
      return as(body, {
        headers: {
          ...headers,
          ...(garble.how === 'bad head'
            ? { 'x-long': 'x'.repeat(100_000) }
            : { 'transfer-encoding': 'chunked', 'content-length': '3' }),
        },
      })
  }
}

const bombs = [...'bcdefghi']
  .map((name, n) => `<!ENTITY ${name} "${`&${'abcdefgh'[n]};`.repeat(10)}">`)
  .join('')
const gzipBomb = gzipSync(Buffer.alloc(50_000_000))

/** JSON with other values in it; in XML, other texts. */
function withValues(text: string, list: readonly Change[]): string {
  try {
    return JSON.stringify(mutate(JSON.parse(text), list))
  } catch {
    const texts = [...text.matchAll(/>([^<]*)</g)].map(match => match[1] ?? '')
    const changed = mutate(texts, list)
    const next = Array.isArray(changed) ? [...changed] : []
    return text.replace(/>[^<]*</g, () => `>${String(next.shift() ?? '')}<`)
  }
}
