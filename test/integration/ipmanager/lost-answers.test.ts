import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { takeSnapshot } from '../../../src/db/snapshot.ts'
import { checkInvariants } from '../../../src/domain/invariants.ts'
import { backend, joinTestApp, queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { type PanelApp, panelWith, startPanelApp } from '../../helpers/ipmanager-app.ts'
import { until } from '../../helpers/until.ts'

// The whole of it (`npm run test:full`) took three and a half minutes on two busy cores, too long for every run.
const isFull = process.env['IPBRIDGE_TEST_FULL'] !== undefined
const allocations = isFull ? 5_000 : backend === 'redis' ? 1_000 : 500
const losses = allocations / 5
// The queue in PostgreSQL takes many connections for each worker, and a server has a hundred.
const workers = backend === 'redis' ? 8 : 2

describe.skipIf(queueMissing)('When IPmanager grants an address and the answer is lost', () => {
  let bed: PanelApp
  let others: Awaited<ReturnType<typeof joinTestApp>>[]

  beforeAll(async () => {
    const options = { work: { concurrency: 8 }, leaseSeconds: 30, databaseConnections: 5 }
    bed = await startPanelApp({ panel: panelWith('198.18.0.0/19'), app: options })
    others = await Promise.all(Array.from({ length: workers - 1 }, () => joinTestApp(bed.app, options)))
  })
  afterAll(async () => {
    await Promise.all(others.map(other => other.shutDown()))
    await bed.shutDown()
  })

  it(`${losses} times among ${allocations}, nothing is leaked and nothing doubled`, async () => {
    const { app, panel } = bed
    const fault = { what: 'drop', func: 'ip.edit', create: true, afterEffect: true } as const
    const id = panel.faults.add({ ...fault, chance: (losses / allocations) * 1.2, times: losses })
    for (let sent = 0; sent < allocations; sent += 100) {
      const batch = Array.from({ length: 100 }, (_, n) => events.created({ id: `s${sent + n}` }))
      await app.intake.accept(batch, 'http')
    }
    const open = () => app.db.operation.count({ where: { endedAt: null } })
    await until('all operations have ended', async () => (await open()) === 0, 300_000)

    expect(panel.faults.list().find(fault => fault.id === id)?.hits).toBe(losses)
    const held = panel.books.held()
    expect(held).toHaveLength(allocations)
    expect(new Set(held.map(record => record.note)).size).toBe(allocations)
    const grants = panel.books.history().filter(entry => entry.what === 'granted')
    expect(grants).toHaveLength(allocations)

    const assignments = await app.db.assignment.findMany({ where: { state: 'active' } })
    const ours = new Map(
      assignments.map(({ address, id, serviceId }) => [address, { note: `ipb:${id}`, serviceId }]),
    )
    expect(ours.size).toBe(allocations)
    for (const { ip, note, domain } of held) {
      const assignment = ours.get(ip)
      expect([ip, note, domain]).toEqual([ip, assignment?.note, `${assignment?.serviceId}.example.net.`])
    }
    expect(checkInvariants(await takeSnapshot(app.db, app.ipams.driver), { quiet: true })).toEqual([])
  }, 400_000)
})
