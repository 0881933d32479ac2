import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { IpbridgeError } from '../../src/errors.ts'
import type { IpamRecord } from '../../src/ipam/driver.ts'
import { admin } from '../helpers/api.ts'
import { startTestApp, type TestApp } from '../helpers/app.ts'
import { addressAfter, type Filled, fillLedger, pagedIpam, recordOf } from '../helpers/books.ts'

const count = 10_000
const pageSize = 1_000
const first = '10.0.0.0'
const strange = '00000000-0000-4000-8000-000000000000'

describe('Reconciliation with an IPAM that lists in pages', () => {
  let app: TestApp
  let filled: Filled[]
  let ipam: ReturnType<typeof pagedIpam>
  const current = pagedIpam({ pageSize })

  beforeAll(async () => {
    ipam = current
    app = await startTestApp({ work: false, ipamDrivers: { paged: () => ipam.driver } })
    await app.desk.connections.add(admin, { name: 'big', driver: 'paged' })
    await app.desk.servers.add(admin, { name: 'node', panel: 'none', connection: 'big' })
    filled = await fillLedger(app, { connection: 'big', server: 'node', first, count })
  })
  beforeEach(() => ipam.hold(withOrphans()))
  afterEach(() => {
    ipam.settings.onPage = () => undefined
    ipam.reads.length = 0
  })
  afterAll(() => app.shutDown())

  /** All that is ours, and two records that carry our marker without an assignment: what may be given back. */
  function withOrphans(): IpamRecord[] {
    const orphans = [1, 2].map(n => ({
      address: addressAfter(first, count + n),
      marker: `ipb:${strange.slice(0, -1)}${n}`,
    }))
    return [...filled.map(recordOf), ...orphans]
  }

  async function reconcile() {
    const operation = await app.desk.reconciliations.start('big', 'operator:test')
    const ran = await app.runner.run(operation)
    const plan = await app.desk.reconciliations.ofOperation(operation)
    return { operation, ran, plan }
  }
  const actions = (plan: Awaited<ReturnType<typeof reconcile>>['plan']) =>
    plan?.findings.map(({ class: kind, action }) => `${kind} → ${action}`)

  it('gives back what two runs have seen without an assignment', async () => {
    expect(actions((await reconcile()).plan)).toEqual(['orphan → report', 'orphan → report'])
    const { plan } = await reconcile()
    expect(actions(plan)).toEqual(['orphan → release', 'orphan → release'])
    expect(plan).toMatchObject({ compared: count + 2, total: count + 2, remark: null })
  })

  it('reads none of the records one by one that agree', async () => {
    await reconcile()
    expect(ipam.reads).toHaveLength(2)
  })

  describe('gives nothing back, and says why, when the IPAM', () => {
    it('answers an empty list', async () => {
      ipam.hold([])
      const { ran, plan } = await reconcile()
      expect(ran).toMatchObject({ result: 'failed' })
      expect(plan).toMatchObject({ state: 'stopped', hash: null, findings: [] })
      expect(plan?.remark).toBe(
        `big lists no address at all, but the ledger has ${count} there: nothing was planned`,
      )
      expect(ipam.reads).toEqual([])
    })

    it('answers half a list, although it has the rest', async () => {
      ipam.settings.onPage = (page, records) => (page > 5 ? [] : records)
      const { ran, plan } = await reconcile()
      expect(ran).toMatchObject({ result: 'failed' })
      expect(plan).toMatchObject({ state: 'stopped', hash: null, findings: [] })
      expect(plan?.remark).toContain('the list of big leaves out what it has')
    })

    it('has lost half of its addresses', async () => {
      ipam.hold([...withOrphans().slice(0, count / 2), ...withOrphans().slice(-2)])
      const { plan } = await reconcile()
      expect(plan).toMatchObject({ state: 'planned', counts: { missing: count / 2, orphan: 2 } })
      expect(plan?.remark).toContain(`the list of big is not whole: ${count / 2} of our ${count} addresses`)
      const findings = await app.desk.reconciliations.findings(plan?.id ?? '', { class: 'orphan' })
      expect(findings.items.map(({ action, note }) => ({ action, note }))).toEqual([
        { action: 'report', note: expect.stringContaining('is not whole') },
        { action: 'report', note: expect.stringContaining('is not whole') },
      ])
    })

    it('answers the same page twice', async () => {
      let before: IpamRecord[] = []
      ipam.settings.onPage = (page, records) => {
        const served = page === 4 ? before : records
        before = records
        return served
      }
      const { plan } = await reconcile()
      // The page that did not come is the one whose addresses were left out: a tenth, which is just believed.
      expect(plan).toMatchObject({ state: 'planned', counts: { orphan: 2 } })
      expect(plan?.remark).toContain(
        `${pageSize} addresses came again, first ${addressAfter(first, 2 * pageSize)}`,
      )
      expect(actions(plan)).toEqual(['orphan → report', 'orphan → report'])
    })

    it('answers the same page for ever', async () => {
      ipam.hold([
        ...withOrphans(),
        ...Array.from({ length: 20 }, () => withOrphans().slice(-pageSize)).flat(),
      ])
      const { plan } = await reconcile()
      expect(plan).toMatchObject({ state: 'stopped', hash: null })
      expect(plan?.remark).toContain('the list of big does not end')
    })

    it('answers an error at page 7', async () => {
      ipam.settings.onPage = page => {
        if (page === 7) throw new IpbridgeError('ipam_unavailable', 'HTTP 502 at page 7')
      }
      const { operation, ran, plan } = await reconcile()
      expect(ran).toMatchObject({ result: 'retry' })
      expect(plan).toMatchObject({ state: 'running', hash: null })
      expect(plan?.remark).toContain('broke off: ipam_unavailable: HTTP 502 at page 7; nothing was planned')
      await app.desk.operations.cancel(admin, operation)
    })
  })
})
