import { describe, expect, it } from 'vitest'
import { eventTypes } from '../../src/domain/events.ts'
import { parseEvent } from '../../src/domain/parse-event.ts'
import { events } from '../helpers/events.ts'

const now = new Date('2026-06-01T12:00:00Z')

/** What is wrong with an event, one line for each fault. */
function faultsIn(input: unknown): string[] {
  const parsed = parseEvent(input, now)
  return 'faults' in parsed ? parsed.faults.map(({ pointer, message }) => `${pointer} ${message}`) : []
}

function parsed(input: unknown) {
  const result = parseEvent(input, now)
  if ('faults' in result) throw new Error(JSON.stringify(result.faults))
  return result.event
}

const created = events.created({ id: 'vps-1' })
const withService = (fields: object) => ({
  ...created,
  data: { service: { ...created.data.service, ...fields } },
})
const withAddresses = (...addresses: object[]) => ({ ...created, data: { ...created.data, addresses } })
const withData = (event: object, data: unknown) => ({ ...event, data })
const ordered = events.ordered('vps-1', 'o1')
const cancelled = events.cancelled('vps-1', { order: 'o1' })
const deleted = events.deleted('vps-1')
const renamed = events.ptrChanged('192.0.2.7', 'mail.example.net')

const types = '"service.created", "ip.ordered", "ip.cancelled", "service.deleted" or "ptr.changed"'
const noAddress =
  'is not an IP address; give one host address without a mask, such as 192.0.2.7 or 2001:db8::7'

describe('An event', () => {
  it.each([
    ['a creation', created],
    ['a creation with a setup', withService({ setup: { os: 'debian', disks: [{ size: 10 }, null, true] } })],
    ['a creation with addresses', withAddresses({ family: 'ipv4', count: 2 }, { family: 'ipv6', ptr: null })],
    ['an order', ordered],
    ['a cancellation', cancelled],
    ['a deletion', deleted],
    ['a PTR change', renamed],
    ['a PTR removal', events.ptrChanged('2001:db8::7', null, { service: 'vps-1' })],
    ['one with extension attributes', { ...deleted, traceparent: '00-1-2-01', partitionkey: 'x' }],
    ['one without a time', { ...deleted, time: undefined }],
    ['one whose sequence is a number', { ...deleted, sequence: 7 }],
  ])('is accepted: %s', (_, event) => {
    expect(faultsIn(event)).toEqual([])
  })

  it('is normalised', () => {
    const event = parsed(
      withData(ordered, {
        service: { id: 'vps-1' },
        order: 'o1',
        family: 'ipv6',
        requested: '2001:DB8:0::7',
        ptr: 'Bücher.Example.',
      }),
    )
    expect(event.data).toEqual({
      service: 'vps-1',
      order: 'o1',
      family: 'ipv6',
      count: 1,
      requested: '2001:db8::7',
      ptr: 'xn--bcher-kva.example',
    })
  })

  it('without a time happened when it arrived, and says so', () => {
    expect(parsed({ ...deleted, time: undefined })).toMatchObject({ time: now, undated: true })
    expect(parsed(deleted)).not.toHaveProperty('undated')
  })

  it('may say its time with any offset', () => {
    expect(parsed({ ...deleted, time: '2026-01-31T14:00:00.5+02:00' }).time).toEqual(
      new Date('2026-01-31T12:00:00.500Z'),
    )
  })

  it('may run an hour ahead of our clock, not more', () => {
    expect(faultsIn({ ...deleted, time: '2026-06-01T13:00:00Z' })).toEqual([])
    expect(faultsIn({ ...deleted, time: '2026-06-01T13:00:01Z' })).toEqual([
      '/time 2026-06-01T13:00:01Z is more than an hour in the future; check the clock',
    ])
  })
})

describe('A bad event is refused', () => {
  it.each<[unknown, string]>([
    [undefined, ' is missing'],
    [null, ' must be a JSON object, not null'],
    ['service.created', ' must be a JSON object, not text'],
    [7, ' must be a JSON object, not a number'],
    [[created], ' must be a JSON object, not a list'],
    [{}, `/type is missing; it must be ${types}`],
    [{ ...created, type: 'service.craeted' }, `/type must be ${types}, not "service.craeted"`],
    [{ ...created, type: 7 }, `/type must be ${types}, not 7`],
    [{ ...created, type: 'x'.repeat(100) }, `/type must be ${types}, not text`],
    [{ ...created, specversion: undefined }, '/specversion is missing'],
    [{ ...created, specversion: '0.3' }, '/specversion must be "1.0", not "0.3"'],
    [{ ...created, id: undefined }, '/id is missing'],
    [{ ...created, id: 17 }, '/id must be text, not a number'],
    [{ ...created, id: '' }, '/id must not be empty'],
    [{ ...created, id: 'x'.repeat(201) }, '/id must have at most 200 characters'],
    [{ ...created, id: 'a\0b' }, '/id must not contain control characters'],
    [{ ...created, id: 'a\uD800' }, '/id must not contain control characters'],
    [{ ...created, source: undefined }, '/source is missing'],
    [{ ...created, source: '' }, '/source must not be empty'],
    [{ ...created, source: 'a\nb' }, '/source must not contain control characters'],
    [{ ...created, source: 'x'.repeat(301) }, '/source must have at most 300 characters'],
    [
      { ...created, time: 'yesterday' },
      '/time must be a date and time with its offset, such as 2026-01-31T12:00:00Z, not "yesterday"',
    ],
    [
      { ...created, time: '2026-01-31T12:00:00' },
      '/time must be a date and time with its offset, such as 2026-01-31T12:00:00Z, not "2026-01-31T12:00:00"',
    ],
    [
      { ...created, time: '2026-02-30T12:00:00Z' },
      '/time must be a date and time with its offset, such as 2026-01-31T12:00:00Z, not "2026-02-30T12:00:00Z"',
    ],
    [{ ...created, time: 1_750_000_000 }, '/time must be text, not a number'],
    [
      { ...created, time: '0000-01-01T00:00:00Z' },
      '/time 0000-01-01T00:00:00Z is before 1970; check the clock',
    ],
    [{ ...created, sequence: 'seven' }, '/sequence must be decimal digits'],
    [{ ...created, sequence: -1 }, '/sequence must be at least 0'],
    [{ ...created, sequence: 1.5 }, '/sequence must be text or a whole number, not the number 1.5'],
    [{ ...created, sequence: true }, '/sequence must be text or a number, not true or false'],
    [{ ...created, subject: 'x'.repeat(301) }, '/subject must have at most 300 characters'],
    [
      { ...created, datacontenttype: 'text/xml' },
      '/datacontenttype must be "application/json", not "text/xml"',
    ],
    [withData(created, undefined), '/data is missing'],
    [withData(created, 'x'), '/data must be a JSON object, not text'],
    [withData(created, []), '/data must be a JSON object, not a list'],
    [withData(created, {}), '/data/service is missing'],
    [
      withData(created, { ...created.data, order: 'o1' }),
      '/data/order is not a known field; check the spelling',
    ],
    [withData(created, { service: 'vps-1' }), '/data/service must be a JSON object, not text'],
    [withService({ id: undefined }), '/data/service/id is missing'],
    [withService({ id: 10_542 }), '/data/service/id must be text, not a number'],
    [withService({ id: 'vps 1' }), '/data/service/id must not contain spaces or control characters'],
    [
      withService({ kind: 'VPS' }),
      '/data/service/kind must be a lower-case word such as vps, dedicated, hosting or license',
    ],
    [withService({ client: undefined }), '/data/service/client is missing'],
    [
      withService({ domain: 'localhost' }),
      '/data/service/domain "localhost" is not a host name: it has only one label; give one such as server1.example.net',
    ],
    [withService({ domain: null }), '/data/service/domain must be text, not null'],
    [withService({ server: undefined }), '/data/service/server is missing'],
    [withService({ server: 'x'.repeat(64) }), '/data/service/server must have at most 63 characters'],
    [withService({ guest: '' }), '/data/service/guest must not be empty'],
    [withService({ colour: 'red' }), '/data/service/colour is not a known field; check the spelling'],
    [withService({ setup: [] }), '/data/service/setup must be a JSON object, not a list'],
    [withService({ setup: { a: ['x\0'] } }), '/data/service/setup/a/0 must be Unicode text without NUL'],
    [withService({ setup: { a: '\uDC00' } }), '/data/service/setup/a must be Unicode text without NUL'],
    [
      withService({ setup: { b: { 'x\0': 1 } } }),
      '/data/service/setup/b must have names that are Unicode text without NUL',
    ],
    [withService({ setup: { f: () => 1 } }), '/data/service/setup/f must be JSON'],
    [withAddresses(), '/data/addresses must not be empty'],
    [
      withData(created, { ...created.data, addresses: {} }),
      '/data/addresses must be a list, not a JSON object',
    ],
    [
      withAddresses(...Array.from({ length: 17 }, () => ({ family: 'ipv4' }))),
      '/data/addresses must have at most 16 entries',
    ],
    [withAddresses({}), '/data/addresses/0/family is missing'],
    [withAddresses({ family: 'ipv5' }), '/data/addresses/0/family must be "ipv4" or "ipv6", not "ipv5"'],
    [withAddresses({ family: 4 }), '/data/addresses/0/family must be "ipv4" or "ipv6", not 4'],
    [withAddresses({ family: 'ipv4', count: 0 }), '/data/addresses/0/count must be at least 1'],
    [withAddresses({ family: 'ipv4', count: 257 }), '/data/addresses/0/count must be at most 256'],
    [
      withAddresses({ family: 'ipv4', count: 1.5 }),
      '/data/addresses/0/count must be a whole number, not the number 1.5',
    ],
    [withAddresses({ family: 'ipv4', count: '2' }), '/data/addresses/0/count must be a number, not text'],
    [
      withAddresses({ family: 'ipv4', count: 200 }, { family: 'ipv6', count: 57 }),
      '/data/addresses asks for 257 addresses together; one event may ask for at most 256',
    ],
    [
      withAddresses({ family: 'ipv4', requested: '192.0.2.0/24' }),
      `/data/addresses/0/requested "192.0.2.0/24" ${noAddress}`,
    ],
    [
      withAddresses({ family: 'ipv6', requested: '192.0.2.7' }),
      '/data/addresses/0/requested must be an ipv6 address, as `family` says',
    ],
    [
      withAddresses({ family: 'ipv4', requested: '192.0.2.7', count: 2 }),
      '/data/addresses/0/count must be 1 where `requested` names the address',
    ],
    [
      withAddresses(
        { family: 'ipv6', requested: '2001:db8::7' },
        { family: 'ipv6', requested: '2001:DB8:0::7' },
      ),
      '/data/addresses/1/requested must not be requested twice',
    ],
    [
      withAddresses({ family: 'ipv4', pool: 'a b' }),
      '/data/addresses/0/pool must not contain spaces or control characters',
    ],
    [withData(ordered, { service: 'vps-1', family: 'ipv4' }), '/data/order is missing'],
    [
      withData(ordered, { ...ordered.data, order: 'o/1' }),
      '/data/order must be letters, digits, dots, underscores and hyphens',
    ],
    [
      withData(ordered, { ...ordered.data, family: 'ipv6', requested: '192.0.2.7' }),
      '/data/requested must be an ipv6 address, as `family` says',
    ],
    [withData(cancelled, { service: 'vps-1' }), '/data/order or `address` must say what is cancelled'],
    [
      withData(cancelled, { service: 'vps-1', order: 'o1', address: '192.0.2.7' }),
      '/data/order must not come together with `address`',
    ],
    [withData(deleted, {}), '/data/service is missing'],
    [withData(deleted, { service: 7 }), '/data/service must be text or a JSON object, not a number'],
    [withData(deleted, { service: '' }), '/data/service must not be empty'],
    [withData(deleted, { service: {} }), '/data/service/id is missing'],
    [
      withData(deleted, { service: { id: 'a b' } }),
      '/data/service/id must not contain spaces or control characters',
    ],
    [
      withData(deleted, { service: { id: 'a', kind: 'vps' } }),
      '/data/service/kind is not a known field; check the spelling',
    ],
    [withData(renamed, { ptr: 'mail.example.net' }), '/data/address is missing'],
    [withData(renamed, { address: '192.0.2.7' }), '/data/ptr is missing'],
    [events.ptrChanged('x'.repeat(65), null), '/data/address must have at most 64 characters'],
    [events.ptrChanged('192.0.2.7', 'm'.repeat(1_001)), '/data/ptr must have at most 1000 characters'],
  ])('%j: %s', (event, fault) => {
    expect(faultsIn(event)).toEqual([fault])
  })

  it('with all of its faults at once', () => {
    const bad = { ...withService({ id: '', domain: 'x', colour: 1, size: 2 }), id: 7, specversion: '2' }
    expect(faultsIn(bad).map(fault => fault.split(' ')[0])).toEqual([
      '/specversion',
      '/id',
      '/data/service/id',
      '/data/service/domain',
      '/data/service/colour',
      '/data/service/size',
    ])
  })

  it('with a pointer that can be followed, whatever the field is called', () => {
    expect(faultsIn(withService({ 'a/b~c': 1 }))).toEqual([
      '/data/service/a~1b~0c is not a known field; check the spelling',
    ])
  })

  it('when its setup is nested without end', () => {
    let deep: object = {}
    for (let level = 0; level < 10_000; level++) deep = { deep }
    expect(faultsIn(withService({ setup: deep }))).toEqual([
      `/data/service/setup${'/deep'.repeat(20)} must not be nested deeper than 20 levels`,
    ])
  })

  it('without its secrets being repeated', () => {
    const [fault] = faultsIn(withService({ setup: { password: 'hunter2\0' } }))
    expect(fault).not.toContain('hunter2')
  })
})

describe('The types of events', () => {
  it('are the five of the contract', () => {
    expect(eventTypes).toEqual([
      'service.created',
      'ip.ordered',
      'ip.cancelled',
      'service.deleted',
      'ptr.changed',
    ])
  })
})
