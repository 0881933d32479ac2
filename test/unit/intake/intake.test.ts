import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { IpbridgeError } from '../../../src/errors.ts'
import { events } from '../../helpers/events.ts'
import { startTestIntake, type TestIntake } from '../../helpers/intake.ts'

describe('An event that is taken in', () => {
  let bed: TestIntake
  beforeAll(async () => {
    bed = await startTestIntake()
  })
  afterAll(() => bed.shutDown())

  const accept = (...inputs: unknown[]) => bed.intake.accept(inputs, 'http')
  const stored = (source: string) => bed.db.event.count({ where: { source } })
  const refusal = async (...inputs: unknown[]) => {
    const error = await accept(...inputs).catch(error => error)
    if (!(error instanceof IpbridgeError)) throw new Error('it was not refused')
    return { code: error.code, faults: error.faults?.map(({ pointer }) => pointer), message: error.message }
  }

  it('stands in the inbox with its operations, each of which names it as its cause', async () => {
    const event = events.created({ id: 'one' }, { source: '/one', id: '1' })
    const [receipt] = await accept(event)
    expect(receipt).toMatchObject({ source: '/one', id: '1', status: 'accepted' })
    const row = await bed.db.event.findFirstOrThrow({
      where: { source: '/one' },
      include: { operations: true },
    })
    expect(row).toMatchObject({ eventId: '1', type: 'service.created', via: 'http', status: 'accepted' })
    expect(row.operations).toMatchObject([{ id: receipt?.operations[0], cause: 'event:/one/1' }])
  })

  it('a second time is a duplicate with the same operations, and changes nothing', async () => {
    const event = events.created({ id: 'twice' }, { source: '/twice' })
    const [first] = await accept(event)
    const [second] = await accept(event)
    expect(second).toEqual({ ...first, status: 'duplicate' })
    expect([await stored('/twice'), await bed.line('twice')]).toEqual([1, ['allocate queued main']])
  })

  it('is the same one whatever the order of its fields, and however its names and numbers are spelled', async () => {
    const event = events.created(
      { id: 'spelled' },
      { addresses: [{ family: 'ipv6', requested: '2001:db8::7' }] },
    )
    await accept(event)
    const again = {
      data: {
        addresses: [{ requested: '2001:DB8:0::7', count: 1, family: 'ipv6' }],
        service: Object.fromEntries(Object.entries(event.data.service).reverse()),
      },
      ...Object.fromEntries(Object.entries(event).filter(([key]) => key !== 'data')),
      time: event.time.replace('.000Z', '+00:00'),
    }
    expect(await accept(again)).toMatchObject([{ status: 'duplicate' }])
  })

  it('without a time is the same one also when it comes again later', async () => {
    const { time: _, ...undated } = events.created({ id: 'undated' })
    expect(await accept(undated)).toMatchObject([{ status: 'accepted' }])
    expect(await accept(undated)).toMatchObject([{ status: 'duplicate' }])
  })

  it('under the id of another one is refused, and the first one stays', async () => {
    const event = events.deleted('conflicting', { source: '/conflicting', id: '1' })
    await accept(event)
    const other = events.deleted('somebody-else', { source: '/conflicting', id: '1', at: 1 })
    expect(await refusal(other)).toMatchObject({
      code: 'event_conflict',
      message: 'event 1 of /conflicting was taken in before with another body; a new event needs a new id',
    })
    expect(await stored('/conflicting')).toBe(1)
  })

  it('under the id of one of another source is another one', async () => {
    const receipts = await accept(
      events.deleted('x', { source: '/a', id: 'same' }),
      events.deleted('x', { source: '/b', id: 'same' }),
    )
    expect(receipts.map(({ status }) => status)).toEqual(['accepted', 'accepted'])
  })

  it('of a server that nobody knows is refused, and says what to do', async () => {
    expect(await refusal(events.created({ id: 'lost', server: 'nowhere' }))).toEqual({
      code: 'invalid_event',
      faults: ['/data/service/server'],
      message: '/data/service/server "nowhere" is not a known server; add it with `ipbridge server add`',
    })
  })

  it('after its server was removed is still a duplicate', async () => {
    await bed.addServer('passing')
    const event = events.created({ id: 'passing', server: 'passing' })
    await accept(event)
    await bed.db.service.update({
      where: { id: 'passing' },
      data: { server: { connect: { name: 'node1' } } },
    })
    await bed.db.server.delete({ where: { name: 'passing' } })
    expect(await accept(event)).toMatchObject([{ status: 'duplicate' }])
  })

  it('that names what the database cannot hold is refused, not stored halfway', async () => {
    const event = events.created({ id: 'nul', setup: { note: 'a\0b' } }, { source: '/nul' })
    expect(await refusal(event)).toMatchObject({ faults: ['/data/service/setup/note'] })
    expect(await stored('/nul')).toBe(0)
  })
})

describe('A batch of events', () => {
  let bed: TestIntake
  beforeAll(async () => {
    bed = await startTestIntake()
  })
  afterAll(() => bed.shutDown())

  const accept = (...inputs: unknown[]) => bed.intake.accept(inputs, 'http')

  it.each([
    ['one of a few is bad', 3],
    ['one of many is bad', 50],
  ])('is stored as a whole or not at all: %s', async (_, count) => {
    const source = `/batch/${count}`
    const good = Array.from({ length: count }, (_, n) => events.deleted(`b${n}`, { source }))
    const bad = { ...events.deleted('x', { source }), data: {} }
    await expect(accept(...good, bad)).rejects.toMatchObject({
      code: 'invalid_event',
      faults: [{ pointer: `/${count}/data/service`, message: 'is missing' }],
    })
    expect(await bed.db.event.count({ where: { source } })).toBe(0)
    expect(await accept(...good)).toHaveLength(count)
    expect(await bed.db.event.count({ where: { source } })).toBe(count)
  })

  it('says of every bad event where it is and what is wrong with it', async () => {
    const bad = { ...events.deleted('x'), data: {} }
    const lost = events.created({ id: 'y', server: 'nowhere' })
    await expect(accept(events.deleted('x'), bad, { ...bad, id: 7 })).rejects.toMatchObject({
      faults: [{ pointer: '/1/data/service' }, { pointer: '/2/id' }, { pointer: '/2/data/service' }],
    })
    await expect(accept(lost, events.deleted('x'), { ...lost, id: 'another' })).rejects.toMatchObject({
      faults: [{ pointer: '/0/data/service/server' }, { pointer: '/2/data/service/server' }],
    })
  })

  it('may hold the same event twice, but not two under one id', async () => {
    const event = events.deleted('d', { source: '/doubled', id: '1' })
    expect(await accept(event, event)).toMatchObject([{ status: 'accepted' }, { status: 'duplicate' }])
    const [one, two] = [1, 2].map(at => events.deleted('d', { source: '/doubled', id: '2', at }))
    await expect(accept(one, two)).rejects.toMatchObject({ code: 'event_conflict' })
    expect(await bed.db.event.count({ where: { source: '/doubled' } })).toBe(1)
  })

  it('of events without a time keeps their order: each of a service is later than the one before', async () => {
    const undated = (event: { time: string }) => {
      const { time: _, ...rest } = event
      return rest
    }
    const receipts = await accept(
      undated(events.created({ id: 'u' })),
      undated(events.deleted('u')),
      undated(events.created({ id: 'u' })),
      undated(events.ordered('u', 'o1')),
    )
    expect(receipts.map(({ status }) => status)).toEqual(Array(4).fill('accepted'))
    const service = await bed.db.service.findUniqueOrThrow({
      where: { id: 'u' },
      include: { assignments: true },
    })
    expect(service.state).toBe('active')
    expect(service.assignments.filter(a => a.state === 'pending').map(a => a.slot)).toEqual([
      'main',
      'order:o1/1',
    ])
  })

  it('that is refused does not stand in the way of those that come at the same moment', async () => {
    const outcomes = await Promise.allSettled([
      accept(events.created({ id: 'm1' })),
      accept(events.created({ id: 'm2', server: 'nowhere' })),
      accept(events.created({ id: 'm3' })),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await bed.db.service.count({ where: { id: { in: ['m1', 'm2', 'm3'] } } })).toBe(2)
  })
})
