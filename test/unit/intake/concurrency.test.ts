import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { events } from '../../helpers/events.ts'
import { startTestIntake, type TestIntake } from '../../helpers/intake.ts'
import { until } from '../../helpers/until.ts'

describe('Events that are taken in at the same moment', () => {
  let bed: TestIntake
  beforeAll(async () => {
    bed = await startTestIntake()
  })
  afterAll(() => bed.shutDown())

  it.each([
    ['by one process', () => bed.intake],
    ['by a process each', () => bed.another()],
  ])('are stored once when they are the same one twenty times, %s', async (how, process) => {
    const event = events.created({ id: `same ${how}`.replaceAll(' ', '-') })
    const receipts = (
      await Promise.all(Array.from({ length: 20 }, () => process().accept([event], 'http')))
    ).flat()
    const accepted = receipts.filter(({ status }) => status === 'accepted')
    expect(accepted).toHaveLength(1)
    expect(receipts.every(({ operations }) => operations[0] === accepted[0]?.operations[0])).toBe(true)
    expect(await bed.db.event.count({ where: { eventId: event.id } })).toBe(1)
    expect(await bed.line(event.data.service.id)).toEqual(['allocate queued main'])
  })

  it('about the same new service are decided one after the other', async () => {
    const kinds = [
      events.created({ id: 'new' }),
      ...Array.from({ length: 9 }, (_, n) => events.ordered('new', `o${n}`)),
    ]
    await Promise.all(kinds.map(event => bed.another().accept([event], 'http')))
    const line = await bed.line('new')
    expect(line.toSorted()).toEqual([
      'allocate queued main',
      ...Array.from({ length: 9 }, (_, n) => `allocate queued order:o${n}/1`),
    ])
  })

  it('in batches that hold the same events the other way round do not stop each other', async () => {
    const many = Array.from({ length: 40 }, (_, n) => events.ptrChanged(`203.0.113.${n}`, null))
    for (let round = 0; round < 5; round++) {
      const batch = many.map(event => ({ ...event, id: `${event.id}-${round}` }))
      const outcomes = await Promise.all([
        bed.another().accept(batch, 'http'),
        bed.another().accept(batch.toReversed(), 'http'),
      ])
      const accepted = outcomes.flat().filter(({ status }) => status === 'accepted')
      expect(accepted).toHaveLength(batch.length)
    }
  })

  it('have the first of their operations announced for each service, and leave the rest in line behind it', async () => {
    bed.announced.length = 0
    await bed.intake.accept(
      [events.created({ id: 'l1' }), events.ordered('l1', 'o1'), events.created({ id: 'l2' })],
      'http',
    )
    const first = await bed.db.operation.findMany({
      where: { serviceId: { in: ['l1', 'l2'] }, assignment: { slot: 'main' } },
    })
    expect(bed.announced.toSorted()).toEqual(first.map(({ id }) => id).sort())
    // What is before it may end before it can see what is stored now: so it is announced all the same.
    const [later] = await bed.intake.accept([events.ordered('l1', 'o2')], 'http')
    expect(bed.announced.slice(2)).toEqual(later?.operations)
  })

  it('wait for one that changes the service, and see all of what it changed', async () => {
    await bed.addServer('node2')
    await bed.intake.accept([events.ordered('moving', 'o1')], 'http')
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const node2 = await bed.db.server.findUniqueOrThrow({ where: { name: 'node2' } })
    const stamp = { t: 1, s: '/billing/test' }
    let hasChanged = false
    const other = bed.db.$transaction(async tx => {
      await tx.service.update({
        where: { id: 'moving' },
        data: { state: 'active', kind: 'vps', createdStamp: stamp, serverId: node2.id },
      })
      hasChanged = true
      await held
    })
    await until('the other one has changed the service', () => hasChanged)
    const deletion = bed.another().accept([events.deleted('moving')], 'http')
    await bed.blocked()
    release()
    await Promise.all([other, deletion])
    const service = await bed.db.service.findUniqueOrThrow({
      where: { id: 'moving' },
      include: { server: true },
    })
    expect([service.state, service.server?.name]).toEqual(['deleted', 'node2'])
  })
})

describe('The queue, told of what was taken in', () => {
  it('is told again by the ledger when it did not hear it', async () => {
    const bed = await startTestIntake({
      announce: () => Promise.reject(new Error('the queue is away')),
    })
    const [receipt] = await bed.intake.accept([events.created({ id: 'unheard' })], 'http')
    expect(receipt?.status).toBe('accepted')
    expect(await bed.operations.due(10)).toEqual([])
    await bed.db.$executeRaw`update operation set announce_at = announce_at - interval '5 seconds'`
    expect(await bed.operations.due(10)).toMatchObject([{ id: receipt?.operations[0], kind: 'allocate' }])
    await bed.shutDown()
  })
})
