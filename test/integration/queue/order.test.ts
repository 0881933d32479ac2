import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { takeSnapshot } from '../../../src/db/snapshot.ts'
import { checkInvariants } from '../../../src/domain/invariants.ts'
import { furnish } from '../../helpers/api.ts'
import { joinTestApp, queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'

describe.skipIf(queueMissing)('the operations of one service', () => {
  let app: TestApp
  const others: Awaited<ReturnType<typeof joinTestApp>>[] = []

  beforeAll(async () => {
    app = await startTestApp({ work: { concurrency: 50 } })
    await furnish(app, '10.0.0.0/16')
    for (let n = 0; n < 2; n++) others.push(await joinTestApp(app, { work: { concurrency: 50 } }))
  })
  afterAll(async () => {
    await Promise.all(others.map(other => other.shutDown()))
    await app.shutDown()
  })

  it('run one after the other, in their order, whichever of many workers hears of them first', async () => {
    const services = Array.from({ length: 5 }, (_, n) => `ordered-${n}`)
    const inputs = services.flatMap(id => [
      events.created({ id }),
      ...[1, 2, 3].map(n => events.ordered(id, `o${n}`, { count: 2 })),
      ...[1, 2].map(n => events.cancelled(id, { order: `o${n}` })),
    ])
    const receipts = await app.intake.accept(inputs, 'http')
    const ids = receipts.flatMap(receipt => receipt.operations)
    // Everything is announced once more, backwards: as wrong an order as can be.
    const rows = await app.db.operation.findMany({ where: { id: { in: ids } }, orderBy: { seq: 'desc' } })
    await app.announcer.announce(rows.map(({ id, epoch, kind }) => ({ id, epoch, kind: kind as 'allocate' })))
    const states = await app.desk.operations.settled(ids, 60_000)
    expect([...new Set(states.values())].sort()).toEqual(['done', 'superseded'])

    const ran = await app.db.$queryRaw<
      { service_id: string; overlaps: bigint; overtakings: bigint; workers: bigint }[]
    >`
      select o.service_id, count(*) filter (where o.started_at < before.ended_at) as overlaps,
        count(*) filter (where o.started_at < before.started_at) as overtakings
      from operation o join operation before
        on before.service_id = o.service_id and before.seq < o.seq and before.started_at is not null
      where o.started_at is not null group by 1`
    expect(ran.length).toBe(services.length)
    expect(ran.filter(row => row.overlaps > 0 || row.overtakings > 0)).toEqual([])
    expect(checkInvariants(await takeSnapshot(app.db, app.ipams.driver), { quiet: true })).toEqual([])
  }, 90_000)
})
