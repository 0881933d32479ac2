import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { admin } from '../../helpers/api.ts'
import { backend } from '../../helpers/app.ts'
import { type Filled, fillLedger } from '../../helpers/books.ts'
import { type PanelApp, panelWith, startPanelApp } from '../../helpers/ipmanager-app.ts'

const count = 200
const pageSize = 20
const orphan = '10.0.1.7'

// No queue is involved: the runs are made one by one.
describe.skipIf(backend === 'redis')('Reconciliation with IPmanager', () => {
  let bed: PanelApp
  let filled: Filled[]

  beforeAll(async () => {
    bed = await startPanelApp({
      panel: panelWith('10.0.0.0/16'),
      app: { work: false },
      connection: {
        options: { pageSize, reconcile: { policies: { owner: 'fix-theirs', foreign: 'adopt' } } },
      },
    })
    filled = await fillLedger(bed.app, { connection: 'ipm', server: 'node1', first: '10.0.0.1', count })
    for (const { address, id, ptr } of filled) {
      bed.panel.drift.grant(address, {
        owner: 'bill',
        iptype: 'public',
        domain: `${ptr}.`,
        note: `ipb:${id}`,
      })
    }
  })
  afterEach(() => bed.panel.faults.clear())
  afterAll(() => bed.shutDown())

  async function reconcile() {
    const operation = await bed.app.desk.reconciliations.start('ipm', 'operator:test')
    const ran = await bed.app.runner.run(operation)
    const plan = await bed.app.desk.reconciliations.ofOperation(operation)
    if (ran.result === 'retry') await bed.app.desk.operations.cancel(admin, operation)
    const findings = (plan?.findings ?? []).map(
      finding => `${finding.class} ${finding.address} → ${finding.action}`,
    )
    return { ran, plan, findings }
  }

  it('finds nothing where both agree', async () => {
    const { plan, findings } = await reconcile()
    expect([findings, plan?.compared, plan?.remark]).toEqual([[], count, null])
  })

  it('finds what changed behind its back, and once applied nothing more', async () => {
    const at = (n: number) => (filled[n] as Filled).address
    bed.panel.drift.release(at(10))
    bed.panel.drift.rename(at(20), 'renamed.example.org.')
    bed.panel.drift.note(at(30), '')
    bed.panel.drift.owner(at(40), 'bill_admin')
    bed.panel.drift.grant(orphan, {
      owner: 'bill',
      iptype: 'public',
      note: 'ipb:00000000-0000-4000-8000-000000000001',
    })
    bed.panel.drift.grant('10.0.1.8', { owner: 'bill_admin', iptype: 'public' })
    const { findings } = await reconcile()
    expect(findings).toEqual([
      `missing ${at(10)} → allocate`,
      `ptr ${at(20)} → ptr`,
      `foreign ${at(30)} → adopt`,
      `owner ${at(40)} → adopt`,
      `orphan ${orphan} → report`,
      'unknown 10.0.1.8 → report',
    ])
    const { plan } = await reconcile()
    const { operations } = await bed.app.desk.reconciliations.apply(
      admin,
      plan?.id ?? '',
      AbortSignal.timeout(20_000),
    )
    for (const id of operations) expect(await bed.app.runner.run(id)).toMatchObject({ state: 'done' })
    expect((await reconcile()).findings).toEqual(['unknown 10.0.1.8 → report'])
  })

  describe('plans to give nothing back, and says why, when the panel answers', () => {
    beforeAll(async () => {
      bed.panel.drift.grant(orphan, {
        owner: 'bill',
        iptype: 'public',
        note: 'ipb:00000000-0000-4000-8000-000000000002',
      })
      await reconcile()
      expect((await reconcile()).findings).toContain(`orphan ${orphan} → release`)
    })

    it.each([
      ['an empty list', { what: 'empty-list' }, 'stopped', 'lists no address at all'],
      ['half a list', { what: 'half-list' }, 'running', 'its list is not whole: page'],
      [
        'half a list that looks whole',
        { what: 'half-list', admits: true },
        'stopped',
        'leaves out what it has',
      ],
      ['the same page twice', { what: 'same-page' }, 'running', 'its list is not whole: page'],
      ['an error at page 7', { what: 'status', status: 502, skip: 6 }, 'running', 'nothing was planned'],
    ] as const)('%s', async (_, fault, state, why) => {
      bed.panel.faults.add({ ...fault, func: 'ip' })
      const { plan } = await reconcile()
      expect(plan?.state).toBe(state)
      expect(plan?.remark).toContain(why)
      expect([plan?.hash, plan?.findings.filter(({ action }) => action === 'release')]).toEqual([null, []])
    })
  })
})
