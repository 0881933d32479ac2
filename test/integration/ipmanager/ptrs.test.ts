import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { type PanelApp, panelWith, startPanelApp } from '../../helpers/ipmanager-app.ts'
import { until } from '../../helpers/until.ts'

/** Sends events, and waits until nothing more happens because of them. */
async function send({ app }: PanelApp, ...inputs: Parameters<PanelApp['app']['intake']['accept']>[0]) {
  const receipts = await app.intake.accept(inputs, 'http')
  const operations = receipts.flatMap(receipt => receipt.operations)
  return app.desk.operations.settled(operations, 60_000)
}
const addressesOf = async ({ app }: PanelApp, service: string) =>
  (await app.desk.services.show(admin, service)).addresses

describe.skipIf(queueMissing)('PTRs in IPmanager', () => {
  let bed: PanelApp
  beforeAll(async () => {
    bed = await startPanelApp()
  })
  afterAll(() => bed.shutDown())

  it('are the domain, or the name that was ordered, in A-labels, for both families', async () => {
    const ordered = [{ family: 'ipv4' as const }, { family: 'ipv6' as const, ptr: 'Bücher.example' }]
    await send(bed, events.created({ id: 's1' }, { addresses: ordered }))
    const [four, six] = await addressesOf(bed, 's1')
    expect(bed.panel.books.look(four?.address ?? '')?.domain).toBe('s1.example.net.')
    expect(bed.panel.books.look(six?.address ?? '')?.domain).toBe('xn--bcher-kva.example.')
  })

  it('are those of the latest change, in whatever order they arrive', async () => {
    await send(bed, events.created({ id: 's2' }))
    const address = (await addressesOf(bed, 's2'))[0]?.address ?? ''
    const change = (name: string, at: number) => events.ptrChanged(address, name, { service: 's2', at })
    await send(bed, change('second.example', 9_002), change('third.example', 9_003))
    await send(bed, change('first.example', 9_001))
    expect(bed.panel.books.look(address)?.domain).toBe('third.example.')
    expect((await addressesOf(bed, 's2'))[0]?.ptr).toBe('third.example')
  })

  it('are read back: a panel that says yes and does nothing is not believed', async () => {
    await send(bed, events.created({ id: 's3' }))
    const address = (await addressesOf(bed, 's3'))[0]?.address ?? ''
    // From now on the panel knows the parameter by another name, and overlooks ours.
    const { wire } = bed.panel.panel.behaviour()
    bed.panel.panel.behave({ wire: { ...wire, domain: 'ptrname' } })
    const [receipt] = await bed.app.intake.accept(
      [events.ptrChanged(address, 'x.example', { service: 's3' })],
      'http',
    )
    const id = receipt?.operations[0] ?? ''
    await until('it was not believed', async () => (await bed.app.desk.operations.show(id)).error)
    bed.panel.panel.behave({ wire })
    const states = await bed.app.desk.operations.settled([id], 20_000)
    expect(states.get(id)).toBe('done')
    expect((await bed.app.desk.operations.show(id)).attempts).toBeGreaterThan(1)
    expect(bed.panel.books.look(address)?.domain).toBe('x.example.')
  })

  it('go with the address, and one that the panel brings back is a finding, not a quarrel', async () => {
    const [held] = await addressesOf(bed, 's2')
    const address = held?.address ?? ''
    await send(bed, events.ptrChanged(address, null, { service: 's2', at: 9_010 }))
    expect(bed.panel.books.look(address)?.domain).toBe('')
    bed.panel.drift.restorePtr(address)
    const operation = await bed.app.desk.reconciliations.start('ipm', 'test')
    await bed.app.desk.operations.settled([operation], 20_000)
    const plan = await bed.app.desk.reconciliations.ofOperation(operation)
    expect(plan?.findings).toMatchObject([{ class: 'ptr', address }])
    expect(bed.panel.books.look(address)?.domain).toBe('third.example.')

    await send(bed, events.deleted('s2', { at: 9_020 }))
    expect(bed.panel.books.look(address)).toBeUndefined()
  })
})

describe.skipIf(queueMissing)('An IPmanager that keeps no notes', () => {
  let bed: PanelApp
  beforeAll(async () => {
    const panel = panelWith('198.18.0.0/24')
    bed = await startPanelApp({
      panel: { ...panel, behaviour: { notes: false } },
      connection: { options: { marker: 'ptr' } },
    })
  })
  afterAll(() => bed.shutDown())

  it('leaks and doubles nothing either, although answers are lost', async () => {
    const fault = { what: 'drop', func: 'ip.edit', submit: true, afterEffect: true } as const
    bed.panel.faults.add({ ...fault, chance: 0.3, times: 20 })
    const created = Array.from({ length: 40 }, (_, n) => events.created({ id: `s${n}` }))
    const states = await send(bed, ...created)
    expect(new Set(states.values())).toEqual(new Set(['done']))
    const held = bed.panel.books.held()
    expect(held.map(record => record.domain).sort()).toEqual(
      created.map((_, n) => `s${n}.example.net.`).sort(),
    )

    await send(bed, ...created.map((_, n) => events.deleted(`s${n}`)))
    expect(bed.panel.books.held()).toEqual([])
    expect(await bed.app.db.ipamNote.count()).toBe(0)
  }, 120_000)
})
