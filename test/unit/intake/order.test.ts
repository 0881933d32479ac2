import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { events } from '../../helpers/events.ts'
import { startTestIntake, type TestIntake } from '../../helpers/intake.ts'

describe('The operations of a service', () => {
  let bed: TestIntake
  beforeAll(async () => {
    bed = await startTestIntake()
  })
  afterAll(() => bed.shutDown())

  const accept = (...inputs: unknown[]) => bed.intake.accept(inputs, 'http')

  it('stand in the order in which their events were taken in', async () => {
    await accept(events.created({ id: 'a' }), events.ordered('a', 'o1', { count: 2 }))
    await accept(events.ordered('a', 'o2'))
    expect(await bed.line('a')).toEqual([
      'allocate queued main',
      'allocate queued order:o1/1',
      'allocate queued order:o1/2',
      'allocate queued order:o2/1',
    ])
  })

  it('that waited for it come after those of its creation, in their own order, and the first is announced', async () => {
    await accept(events.ordered('b', 'o1'))
    await accept(events.ordered('b', 'o2', { count: 2 }))
    expect(await bed.line('b')).toEqual([
      'allocate waiting order:o1/1',
      'allocate waiting order:o2/1',
      'allocate waiting order:o2/2',
    ])
    bed.announced.length = 0
    const [receipt] = await accept(events.created({ id: 'b' }, { at: 0 }))
    expect(await bed.line('b')).toEqual([
      'allocate queued main',
      'allocate queued order:o1/1',
      'allocate queued order:o2/1',
      'allocate queued order:o2/2',
    ])
    expect(bed.announced).toEqual(receipt?.operations)
  })

  it('can only be claimed in that order', async () => {
    await accept(events.created({ id: 'c' }), events.ordered('c', 'o1'))
    const [first, second] = await bed.db.operation.findMany({
      where: { serviceId: 'c' },
      orderBy: { seq: 'asc' },
    })
    expect(await bed.operations.claim(second?.id ?? '')).toBeUndefined()
    const claimed = await bed.operations.claim(first?.id ?? '')
    expect(claimed).toMatchObject({ id: first?.id, epoch: 1, attempts: 1, service: { server: 'node1' } })
    expect(await bed.operations.claim(second?.id ?? '')).toBeUndefined()
    const settled = await bed.operations.settle({
      id: first?.id ?? '',
      epoch: 1,
      settlement: { state: 'done' },
      steps: [],
    })
    expect(settled).toMatchObject({ ours: true, next: { id: second?.id } })
    expect(await bed.operations.claim(second?.id ?? '')).toMatchObject({ id: second?.id })
  })

  it('that are pointless by now have ended, and what was given is released', async () => {
    await accept(events.created({ id: 'd' }))
    await bed.work('d', { main: '192.0.2.7' })
    await accept(events.ordered('d', 'o1'), events.deleted('d'))
    expect(await bed.line('d')).toEqual([
      'allocate done main',
      'allocate superseded order:o1/1',
      'release queued main',
      'release queued order:o1/1',
    ])
    await bed.work('d')
    expect(await bed.db.assignment.count({ where: { serviceId: 'd', state: 'released' } })).toBe(2)
  })
})

describe('A PTR change without a service', () => {
  let bed: TestIntake
  beforeAll(async () => {
    bed = await startTestIntake()
  })
  afterAll(() => bed.shutDown())

  const accept = (...inputs: unknown[]) => bed.intake.accept(inputs, 'http')

  it.each(['192.0.2.7', '2001:db8::7'])('finds the service that has %s', async address => {
    const family = address.includes(':') ? ('ipv6' as const) : ('ipv4' as const)
    const id = `named-${family}`
    await accept(events.created({ id }, { addresses: [{ family }] }))
    await bed.work(id, { main: address })
    await accept(events.ptrChanged(address, 'mail.example.net'))
    expect(await bed.line(id)).toEqual(['allocate done main', 'ptr queued main'])
    const [assignment] = await bed.db.assignment.findMany({ where: { serviceId: id } })
    expect(assignment).toMatchObject({ ptrWish: 'mail.example.net', ptrStamp: { s: '/billing/test' } })
  })

  it('of an address that nobody has stands alone', async () => {
    const [receipt] = await accept(events.ptrChanged('192.0.2.99', null))
    const operation = await bed.db.operation.findUniqueOrThrow({
      where: { id: receipt?.operations[0] ?? '' },
    })
    expect(operation).toMatchObject({
      kind: 'ptr',
      state: 'queued',
      serviceId: null,
      payload: { address: '192.0.2.99', ptr: null },
    })
    expect(bed.announced).toContain(operation.id)
  })

  it('goes to the service, not to a licence that shares its address', async () => {
    const requested = '192.0.2.50'
    await accept(
      events.created({ id: 'licence', kind: 'license' }, { addresses: [{ family: 'ipv4', requested }] }),
      events.created({ id: 'licensed' }),
    )
    await bed.work('licence', { main: requested })
    await bed.work('licensed', { main: requested })
    await accept(events.ptrChanged(requested, 'mail.example.net'))
    expect(await bed.line('licensed')).toContain('ptr queued main')
  })

  it('that a worker tied to its address is not undone by an event that says nothing of names', async () => {
    await accept(events.created({ id: 'tied' }))
    await bed.work('tied', { main: '192.0.2.60' })
    const [before] = await bed.db.assignment.findMany({ where: { serviceId: 'tied' } })
    let commit = () => {}
    const worker = bed.db.$transaction(async tx => {
      await tx.assignment.update({
        where: { id: before?.id ?? '' },
        data: { ptrWish: 'kept.example.net', ptrStamp: { t: 5, s: '/billing/test' } },
      })
      await new Promise<void>(resolve => {
        commit = resolve
      })
    })
    const again = accept(events.created({ id: 'tied' }))
    await bed.blocked()
    commit()
    await Promise.all([worker, again])
    const [after] = await bed.db.assignment.findMany({ where: { serviceId: 'tied' } })
    expect(after).toMatchObject({ ptrWish: 'kept.example.net', ptrStamp: { t: 5 } })
  })
})
