import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect } from 'vitest'
import { servicesOfCsv } from '../../../src/billing/csv-services.ts'
import { eventOf } from '../../../src/cli/event-arguments.ts'
import { WrongUse } from '../../../src/cli/failure.ts'
import { readLines } from '../../../src/cli/ndjson.ts'
import { loadConfig } from '../../../src/config.ts'
import { parseDocument, UnreadableAnswer } from '../../../src/coremanager/document.ts'
import { faultOf } from '../../../src/coremanager/fault.ts'
import { AddressError, canonicalAddress } from '../../../src/domain/address.ts'
import { eventTypes } from '../../../src/domain/events.ts'
import { HostnameError, normalizeHostname } from '../../../src/domain/hostname.ts'
import { parseEvent } from '../../../src/domain/parse-event.ts'
import { canary, type Door, expectNoSecret, expectRefusal } from '../door.ts'
import { type Change, changes, mutate, type Spoil, spoil, spoilt } from '../make/mutate.ts'
import { nastyText } from '../make/nasty.ts'
import { nearlyEvents } from '../make/samples.ts'

const key = Buffer.alloc(32, 3).toString('base64')

/** Values that are right, for each variable. */
const variables: Record<string, readonly string[]> = {
  DATABASE_URL: [`postgres://me:${canary}@127.0.0.1/db`],
  REDIS_URL: [
    `redis://me:${canary}@127.0.0.1:6379/1?prefix=x`,
    `rediss://:${canary}@h`,
    `redis+cluster://u:${canary}@a,b:1`,
  ],
  IPBRIDGE_SECRET: [key, `${key},${key}`],
  IPBRIDGE_DATA_DIR: ['.data'],
  IPBRIDGE_RECONCILE_AT: ['03:00', 'off'],
  IPBRIDGE_RECONCILE_TZ: ['Europe/Berlin'],
  IPBRIDGE_MAX_BACKLOG: ['5'],
  HOST: ['::1'],
  PORT: ['0'],
  LOG_LEVEL: ['debug'],
}

const secretVariables = ['DATABASE_URL', 'REDIS_URL', 'IPBRIDGE_SECRET']

const value = (name: string) => {
  const right = fc.constantFrom(...(variables[name] ?? []))
  const spoilt = fc
    .tuple(right, nastyText, fc.nat(40))
    .map(([text, what, at]) => text.slice(0, at) + what + text.slice(at))
  // Whatever a secret variable holds is secret.
  const nasty = secretVariables.includes(name) ? nastyText.map(text => `${canary}${text}`) : nastyText
  return fc.oneof(
    { weight: 4, arbitrary: right },
    { weight: 2, arbitrary: spoilt },
    { weight: 2, arbitrary: nasty },
  )
}

export const environment: Door<Record<string, string | undefined>> = {
  name: 'Environment variables',
  share: 18,
  inputs: fc.record(
    Object.fromEntries(Object.keys(variables).map(name => [name, value(name)])) as Record<
      string,
      fc.Arbitrary<string>
    >,
    {
      requiredKeys: [],
    },
  ),
  enter(env) {
    try {
      expect(Object.isFrozen(loadConfig(env))).toBe(true)
    } catch (error) {
      const { code, message } = expectRefusal(error)
      expect(code).toBe('invalid_configuration')
      expect(Object.keys(variables).some(name => message.includes(name))).toBe(true)
    }
  },
}

interface Lines {
  events: unknown[]
  spoil: Spoil | undefined
  /** The length of the pieces in which they are read. */
  piece: number
}

export const ndjson: Door<Lines> = {
  name: 'Files of events (NDJSON)',
  share: 14,
  inputs: fc.record({
    events: fc.array(nearlyEvents, { maxLength: 4 }),
    spoil,
    piece: fc.integer({ min: 1, max: 5_000 }),
  }),
  async enter({ events, spoil, piece }) {
    const bytes = spoilt(events.map(event => JSON.stringify(event)).join('\n'), spoil)
    let number = 0
    for await (const line of readLines(piecesOf(bytes, piece))) {
      expect(line.number).toBeGreaterThan(number)
      number = line.number
      if ('fault' in line) expect(line.fault).toMatch(/^(is|holds) /)
      else checkEvent(line.input)
    }
  },
}

/** Parsed once more from what it was made into, an event is the same. */
function checkEvent(input: unknown): void {
  const parsed = parseEvent(input, new Date())
  if ('event' in parsed) return void JSON.stringify(parsed.event)
  expect(parsed.faults.length).toBeGreaterThan(0)
  for (const { pointer, message } of parsed.faults) {
    expect(pointer).toMatch(/^(\/|$)/)
    expect(message.length).toBeGreaterThan(3)
  }
}

async function* piecesOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const row = {
  service: 's1',
  kind: 'vps',
  client: 'c1',
  domain: 'a.example.net',
  server: 'node1',
  guest: '101',
  address: '192.0.2.7',
  ptr: '-',
  order: 'o1',
}

interface Table {
  rows: Change[][]
  spoil: Spoil | undefined
  separator: string
  quoted: boolean
}

export const csv: Door<Table> = {
  name: 'Files of services (CSV)',
  share: 12,
  inputs: fc.record({
    rows: fc.array(changes, { maxLength: 4 }),
    spoil,
    separator: fc.constantFrom(',', ';', '\t', '|'),
    quoted: fc.boolean(),
  }),
  async enter({ rows, spoil, separator, quoted }) {
    const cell = (content: unknown) => (quoted ? JSON.stringify(String(content)) : String(content))
    const cells = rows.map(list =>
      Object.values((mutate(row, list) ?? {}) as object)
        .map(cell)
        .join(separator),
    )
    const text = [Object.keys(row).join(separator), ...cells].join('\n')
    const bad: string[] = []
    try {
      const services = servicesOfCsv(Readable.from([spoilt(text, spoil)]), ({ message }) => bad.push(message))
      for await (const service of services) {
        for (const { address } of service.addresses) expect(canonicalAddress(address)).toBe(address)
      }
    } catch (error) {
      expect(expectRefusal(error).code).toBe('invalid_request')
    }
    for (const message of bad) expect(message.length).toBeGreaterThan(3)
  },
}

const documents = [
  '{"doc":{"elem":[{"id":{"$":"1"},"ip":{"$":"192.0.2.7","$orig":"x"}},{"id":{"$":"2"}}],"$binary":"/ipmgr","tparams":{}}}',
  '{"doc":{"error":{"$type":"auth","$object":"badpassword","msg":{"$":"no"},"param":[{"$name":"value","$":"x"}]}}}',
  '{"error":{"code":4,"msg":"denied"},"model":{"a":"b"}}',
  '<?xml version="1.0" encoding="UTF-8"?><doc binary="/ipmgr"><elem><id>1</id><ip orig="x">192.0.2.7</ip></elem><elem/></doc>',
  '<doc><error type="value" object="ip" lang="en"><param name="object" type="msg">ip</param><msg>bad &amp; &#65;</msg></error></doc>',
]

interface Document {
  text: string
  list: Change[]
  spoil: Spoil | undefined
}

export const answers: Door<Document> = {
  name: 'Documents of COREmanager panels',
  share: 18,
  inputs: fc.record({
    text: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...documents) },
      { weight: 1, arbitrary: nastyText },
    ),
    list: changes,
    spoil,
  }),
  enter({ text, list, spoil }) {
    const changed = text.startsWith('{"') ? JSON.stringify(mutate(JSON.parse(text), list)) : text
    try {
      faultOf(parseDocument(spoilt(changed, spoil).toString()))
    } catch (error) {
      if (!(error instanceof UnreadableAnswer)) throw error
      expect(error.message).toMatch(/^its? /)
    }
  },
}

const fields = [
  'service.id',
  'service.kind',
  'service.domain',
  'service.server',
  'service.client',
  'addresses.0.family',
  'addresses.1.count',
]
const names = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(...fields, 'service', 'order', 'address', 'ptr', 'count', 'family'),
  },
  { weight: 1, arbitrary: nastyText },
)
const values = fc.oneof(
  fc.constantFrom('s1', 'vps', 'a.example.net', 'ipv4', '2', '192.0.2.7', 'null', '{"id":"x"}', '[]'),
  nastyText,
)

interface Arguments {
  type: string
  pairs: string[]
}

export const eventArguments: Door<Arguments> = {
  name: 'Events as arguments',
  share: 12,
  inputs: fc.record({
    type: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...eventTypes) },
      { weight: 1, arbitrary: nastyText },
    ),
    pairs: fc.array(
      fc.tuple(names, fc.constantFrom('=', ':=', ''), values).map(parts => parts.join('')),
      { maxLength: 8 },
    ),
  }),
  enter({ type, pairs }) {
    try {
      eventOf(type, pairs, { source: '/x', id: 'x' }, new Date())
    } catch (error) {
      if (error instanceof WrongUse) expect(error.message.length).toBeGreaterThan(3)
      else expect(expectRefusal(error).code).toBe('invalid_event')
    }
    expect(Object.keys(Object.prototype)).toEqual([])
  },
}

export const wordings: Door<string> = {
  name: 'Addresses and host names',
  share: 8,
  inputs: fc.oneof(
    nastyText,
    fc.tuple(fc.domain(), nastyText).map(parts => parts.join('')),
    fc.ipV6(),
    fc.ipV4Extended(),
  ),
  enter(text) {
    same(canonicalAddress, AddressError, text)
    same(normalizeHostname, HostnameError, text)
  },
}

/** What was brought into one form stays in it. */
function same(form: (text: string) => string, Refusal: new (message: string) => Error, text: string): void {
  try {
    const once = form(text)
    expect(form(once)).toBe(once)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    expectNoSecret(error.message)
  }
}
