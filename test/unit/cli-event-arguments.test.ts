import { describe, expect, it } from 'vitest'
import { eventOf } from '../../src/cli/event-arguments.ts'

const now = new Date('2026-01-31T12:00:00Z')
const attributes = { source: 'cli:test', id: 'e1' }
const dataOf = (type: string, ...pairs: string[]) =>
  (eventOf(type, pairs, attributes, now) as { data: Record<string, unknown> }).data

const service = ['id=10542', 'kind=vps', 'client=77', 'domain=shop.example.net', 'server=node1'].map(
  pair => `service.${pair}`,
)

describe('An event from arguments', () => {
  it('is a CloudEvent', () => {
    const event = eventOf('service.deleted', ['service=7'], { ...attributes, sequence: '12' }, now)
    expect(event).toEqual({
      specversion: '1.0',
      id: 'e1',
      source: 'cli:test',
      sequence: '12',
      type: 'service.deleted',
      data: { service: '7' },
    })
  })

  it('has fields at whatever depth, of the type that its schema wants', () => {
    const data = dataOf(
      'service.created',
      ...service,
      'addresses.0.family=ipv4',
      'addresses.0.count=2',
      'addresses.1.family=ipv6',
    )
    expect(data['service']).toMatchObject({ id: '10542', client: '77' })
    expect(data['addresses']).toEqual([{ family: 'ipv4', count: 2 }, { family: 'ipv6' }])
  })

  it('takes null where the schema has it, and any JSON after :=', () => {
    expect(dataOf('ptr.changed', 'address=192.0.2.7', 'ptr=null')).toEqual({
      address: '192.0.2.7',
      ptr: null,
    })
    const data = dataOf(
      'service.created',
      ...service,
      'service.setup.cores:=4',
      'service.setup.image=debian=12',
    )
    expect(data['service']).toMatchObject({ setup: { cores: 4, image: 'debian=12' } })
  })

  it('takes the service by its id alone or as an object', () => {
    expect(dataOf('service.deleted', 'service=7')).toEqual({ service: '7' })
    expect(dataOf('service.deleted', 'service.id=7')).toEqual({ service: { id: '7' } })
  })

  it('that would be refused says which argument is wrong, and which there are', () => {
    const refused = () => dataOf('ip.ordered', 'service=7', 'order=9', 'familly=ipv4')
    expect(refused).toThrow('family is missing')
    expect(refused).toThrow('familly is not a known field')
    expect(refused).toThrow('accepted are service, order, family, count, ptr, requested, pool')
  })

  it.each([
    ['service', 'is not of the form name=value'],
    ['=7', 'is not of the form name=value'],
    ['service..id=7', 'is not of the form name=value'],
    ['__proto__.polluted=1', 'is not of the form name=value'],
    ['addresses.1.family=ipv4', '1 is not the next place of the list'],
    ['addresses.first.family=ipv4', 'is not a JSON object'],
    ['service.setup:={', 'service.setup takes JSON'],
    ['toString=x', 'toString is not a known field'],
    ['service.constructor=x', 'service.constructor is not a known field'],
  ])('refuses the argument %s', (pair, why) => {
    const thrown = () => dataOf('service.created', ...service, pair)
    if (pair.includes('first')) expect(thrown).toThrow()
    else expect(thrown).toThrow(why)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('does not take a field for both a text and an object', () => {
    expect(() => dataOf('service.deleted', 'service=7', 'service.id=7')).toThrow(
      'service has been given a value already',
    )
  })
})
