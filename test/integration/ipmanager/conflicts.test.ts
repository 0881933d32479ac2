import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { takeSnapshot } from '../../../src/db/snapshot.ts'
import { checkInvariants } from '../../../src/domain/invariants.ts'
import { admin } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { type PanelApp, panelWith, startPanelApp } from '../../helpers/ipmanager-app.ts'
import { until } from '../../helpers/until.ts'

/** Every third address of the panel's first 150 is on a service, and the panel knows nothing of it. */
const seeds = Array.from({ length: 50 }, (_, n) => `198.18.0.${3 * n + 2}`)
const isLicence = (n: number) => n % 5 === 0
const newcomers = 150

describe.skipIf(queueMissing)('When IPmanager hands out 50 addresses that services have already', () => {
  let bed: PanelApp

  beforeAll(async () => {
    bed = await startPanelApp({ panel: panelWith('198.18.0.0/23') })
    const { app, panel } = bed
    for (const [n, address] of seeds.entries()) {
      const kind = isLicence(n) ? 'license' : 'vps'
      const service = { id: `old-${n}`, kind, client: 'c', domain: `old-${n}.example.net`, server: 'node1' }
      await app.desk.services.add(admin, { ...service, addresses: [address] })
    }
    expect(panel.books.held()).toEqual([])
    const created = Array.from({ length: newcomers }, (_, n) => events.created({ id: `new-${n}` }))
    await app.intake.accept(created, 'http')
    const open = () => app.db.operation.count({ where: { endedAt: null } })
    await until('all operations have ended', async () => (await open()) === 0, 60_000)
  })
  afterAll(() => bed.shutDown())

  it('every service gets an address that nobody has', async () => {
    const rows = await bed.app.db.assignment.findMany({ where: { serviceId: { startsWith: 'new-' } } })
    expect(rows).toHaveLength(newcomers)
    expect(rows.every(row => row.state === 'active')).toBe(true)
    const taken = new Set(seeds.filter((_, n) => !isLicence(n)))
    expect(rows.filter(row => taken.has(row.address ?? ''))).toEqual([])
    expect(new Set(rows.map(row => row.address)).size).toBe(newcomers)
    expect(checkInvariants(await takeSnapshot(bed.app.db, bed.app.ipams.driver), { quiet: false })).toEqual(
      [],
    )
  })

  it('those in conflict carry dns.set.error, are kept by the panel, and name both services', async () => {
    const conflicts = await bed.app.db.conflict.findMany({ where: { resolvedAt: null } })
    const expected = seeds.flatMap((address, n) => (isLicence(n) ? [] : [[address, `old-${n}`]]))
    expect(conflicts.map(row => [row.address, row.holderService]).sort()).toEqual(expected.sort())
    for (const { address, marker, claimantService } of conflicts) {
      expect(claimantService).toMatch(/^new-\d+$/)
      expect(bed.panel.books.look(address)).toMatchObject({ domain: 'dns.set.error.', note: marker })
    }
    expect(await bed.app.db.outbox.count({ where: { type: 'address.conflict' } })).toBe(40)
  })

  it('licences are ignored', async () => {
    const shared = seeds.filter((_, n) => isLicence(n))
    const rows = await bed.app.db.assignment.findMany({
      where: { address: { in: shared }, serviceId: { startsWith: 'new-' } },
    })
    expect(rows.map(row => row.address).sort()).toEqual(shared.sort())
  })

  it('nothing is offered twice', () => {
    const granted = bed.panel.books.history().filter(entry => entry.what === 'granted')
    expect(granted).toHaveLength(newcomers + 40)
    expect(new Set(granted.map(entry => entry.ip)).size).toBe(granted.length)
  })
})
