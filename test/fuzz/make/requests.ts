import fc from 'fast-check'
import { canary } from '../door.ts'
import { type Dictionary, fromSchema, type Schema } from './from-schema.ts'
import { type Change, changes, type Spoil, spoil } from './mutate.ts'
import { nastyText } from './nasty.ts'

interface Operation {
  parameters?: { name: string; in: string; schema: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
}

/** As much of the OpenAPI document as requests are made of. */
export interface OpenApi {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

export const callers = [
  'admin',
  'operator',
  'billing',
  'client',
  'viewer',
  'stranger',
  'impostor',
  'session',
] as const
export type Caller = (typeof callers)[number]

/** One request, before it is put into words. */
export interface Wanted {
  who: Caller
  method: string
  /** With its parameters filled in, as they are before encoding. */
  path: string
  params: string[]
  query: Record<string, string>
  type: string
  body: unknown
  changes: Change[]
  spoil: Spoil | undefined
  headers: Record<string, string>
}

const secret = `${canary}-secret`

/** What a fresh ledger of the tests has, and a little that it has not. */
function dictionaryOf(ids: Record<string, readonly string[]>): Dictionary {
  const words: Record<string, readonly unknown[]> = {
    ...ids,
    server: ['node1', 'node2', 'nowhere'],
    connection: ['builtin', 'ipam', 'nowhere'],
    pool: ['v4', 'v6', 'nowhere'],
    name: ['v4', 'node1', 'ipam', 'hook', 'fresh-1', 'fresh-2'],
    driver: ['builtin', 'ipmanager', 'memory', 'nothing'],
    panel: ['none', 'vmmanager5', 'vmmanager6', 'vdsmanager', 'dcimanager5', 'proxmox', 'nothing'],
    client: ['client-1', 'client-2'],
    domain: ['a.example.net', 'b.example.net', 'münchen.example'],
    ptr: ['a.example.net', 'mail.example.com', null],
    conflictPtr: ['dns.set.error', 'taken.example.net'],
    address: ['192.0.2.5', '192.0.2.200', '2001:db8::5', '198.51.100.1'],
    addresses: [
      undefined,
      [],
      ['192.0.2.77'],
      [{ family: 'ipv4' }],
      [{ family: 'ipv4', count: 2 }, { family: 'ipv6' }],
    ],
    requested: ['192.0.2.9', '2001:db8::9', '198.51.100.1'],
    cidr: ['198.51.100.0/24', '203.0.113.0/28', '2001:db8:1::/64', '10.0.0.0/8'],
    gateway: ['198.51.100.1', '203.0.113.1', null],
    exclude: [[], ['198.51.100.0-198.51.100.9'], ['203.0.113.1', '203.0.113.0/30']],
    url: ['http://127.0.0.1:1/ipmgr', 'https://127.0.0.1:1/', 'http://127.0.0.1:1/hook'],
    password: [secret],
    adminpassword: [secret],
    secret: [`whsec_${'A'.repeat(43)}=`],
    login: ['admin', 'me@pve!token'],
    tls: [{}, { verify: false }, { key: secret }, { fingerprint: 'A'.repeat(64) }],
    setup: [{}, { template: 'debian' }, { rootPassword: secret, nested: { apiKey: secret } }],
    kind: ['vps', 'license', 'dedicated'],
    order: ['o1', 'o2'],
    token: [`ipb_${'x'.repeat(43)}`, 'ipb_short'],
    wait: ['0', '61', '1.5', 'x'],
    limit: ['1', '2', '1000', '0', '1001', '-1'],
    cursor: ['MQ', 'djQ', '!!'],
    source: ['/billing/test', '/billing/other'],
    sequence: ['1', '2', 3],
  }
  return field => words[field]
}

/** Requests to everything that the document knows: nearly valid, of every role and of none. */
export function requests(document: OpenApi, ids: Record<string, readonly string[]>): fc.Arbitrary<Wanted> {
  const { schemas } = document.components
  const dictionary = dictionaryOf(ids)
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )
  const one = operations.map(({ path, method, operation }) => {
    const parameters = operation.parameters ?? []
    const within = (place: string) => parameters.filter(parameter => parameter.in === place)
    const content = Object.entries(operation.requestBody?.content ?? {})
    const body = content.map(([, { schema }]) => fromSchema(schema, schemas, dictionary))
    const pathWords = within('path').map(({ name }) =>
      fc.constantFrom(...(pathIds(path, name, ids) ?? ['none'])),
    )
    const queryWords = within('query').map(({ name, schema }) => [
      name,
      fromSchema(schema, schemas, dictionary, name).map(String),
    ])
    return fc.record({
      who: fc.oneof(
        { weight: 6, arbitrary: fc.constant<Caller>('admin') },
        { weight: 5, arbitrary: fc.constantFrom(...callers) },
      ),
      method: often(
        fc.constant(method),
        fc.constantFrom('GET', 'POST', 'PATCH', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'),
      ),
      path: fc.constant(path),
      params: fc.tuple(...pathWords.map(word => often(word, nastyText))),
      query: fc
        .tuple(
          fc.record(Object.fromEntries(queryWords), { requiredKeys: [] }),
          often(
            fc.constant({}),
            fc.dictionary(
              fc.constantFrom('limit', 'cursor', 'reason', 'wait', 'x[]', '__proto__', 'id'),
              nastyText,
            ),
          ),
        )
        .map(([words, nasty]) => ({ ...words, ...nasty })),
      type: often(
        fc.constantFrom(...content.map(([type]) => type), 'application/json'),
        fc.constantFrom(
          '',
          'text/plain',
          'application/json; charset=utf-16',
          'multipart/form-data',
          'x',
          'a/b;;',
          'application/xml',
        ),
      ),
      body: body.length > 0 ? fc.oneof(...body) : often(fc.constant(undefined), fc.jsonValue()),
      changes,
      spoil,
      headers: often(
        fc.constant({}),
        fc.dictionary(
          fc.constantFrom(
            'accept',
            'origin',
            'cookie',
            'x-forwarded-for',
            'content-encoding',
            'expect',
            'if-match',
            'range',
          ),
          nastyText,
          { maxKeys: 2 },
        ),
      ),
    }) as fc.Arbitrary<Wanted>
  })
  return fc.oneof(...one)
}

function often<A, B>(usual: fc.Arbitrary<A>, other: fc.Arbitrary<B>): fc.Arbitrary<A | B> {
  return fc.oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: other })
}

function pathIds(
  path: string,
  name: string,
  ids: Record<string, readonly string[]>,
): readonly string[] | undefined {
  if (name === 'ip') return ['192.0.2.2', '192.0.2.5', '198.51.100.1', '2001:db8::2']
  const list = path.split('/')[3] ?? ''
  return (
    ids[list] ??
    {
      connections: ['builtin', 'ipam'],
      servers: ['node1', 'node2'],
      pools: ['v4', 'v6', 'spare'],
      webhooks: ['hook'],
    }[list]
  )
}

/** Percent-encodes whatever it is, halves of characters included; now and then not at all. */
export function encoded(text: string): string {
  if (/^%|^[\w./-]*$/.test(text)) return text === '.' || text === '..' ? `${text}x` : text
  return [...Buffer.from(text)].map(byte => `%${byte.toString(16).padStart(2, '0')}`).join('')
}
