import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EventInput } from '../../src/domain/events.ts'
import { admin } from '../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'
import { events } from '../helpers/events.ts'
import { until } from '../helpers/until.ts'

/** How many services come and go. TEST_LOOP_COUNT=2500 makes it 5,000 allocations and releases. */
const count = Number(process.env['TEST_LOOP_COUNT'] ?? 200)
const batch = 40

describe.skipIf(queueMissing)('While services come, are renamed, and go', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp()
    const pool = { name: 'v4', cidr: '10.0.0.0/16', quarantineSeconds: 0, connection: 'builtin' }
    await app.desk.pools.add(admin, pool)
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
    await send(Array.from({ length: 20 }, (_, n) => events.created({ id: `stays-${n}` })))
  })
  afterAll(() => app.shutDown())

  /** Takes events in, and waits until all that came of them is done. */
  async function send(inputs: EventInput[]): Promise<void> {
    const receipts = await app.intake.accept(inputs, 'http')
    await app.desk.operations.settled(
      receipts.flatMap(receipt => receipt.operations),
      60_000,
    )
  }

  async function reconcile(): Promise<string[]> {
    const operation = await app.desk.reconciliations.start('builtin', 'operator:loop')
    const isOver = async () => (await app.desk.operations.show(operation)).endedAt !== null
    await until('the run has ended', isOver, 60_000)
    const plan = await app.desk.reconciliations.ofOperation(operation)
    expect(plan).toMatchObject({ state: 'planned', remark: null })
    return (plan?.findings ?? []).map(
      ({ class: kind, address, ours, theirs }) => `${kind} ${address} ${JSON.stringify({ ours, theirs })}`,
    )
  }

  it('reconciliation in a loop finds nothing that is not so', async () => {
    const found: string[] = []
    let [runs, isOver] = [0, false]
    const loop = (async () => {
      for (; !isOver; runs++) found.push(...(await reconcile()))
    })()
    let leaving = Promise.resolve()
    for (let start = 0; start < count; start += batch) {
      const ids = Array.from({ length: batch }, (_, n) => `moves-${start + n}`)
      await send(ids.map(id => events.created({ id })))
      const addresses = (await app.desk.services.list(admin, { limit: 1_000, state: 'active' })).items
      const renamed = addresses.filter(({ id }) => ids.includes(id)).slice(0, 5)
      // They are renamed and go while the next ones come, and take the addresses that are free again.
      await leaving
      leaving = send([
        ...renamed.map(({ id, addresses: [first] }) =>
          events.ptrChanged(first?.address ?? '', `new-${id}.example.org`, { service: id }),
        ),
        ...ids.map(id => events.deleted(id)),
      ])
    }
    await leaving
    isOver = true
    await loop
    found.push(...(await reconcile()))
    expect(found).toEqual([])
    expect(runs).toBeGreaterThan(1)
  }, 180_000)
})
