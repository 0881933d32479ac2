import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Billmanager, startBillmanager } from '../../src/simulators/billmanager/start.ts'
import { admin } from '../helpers/api.ts'
import { events } from '../helpers/events.ts'
import { type Stage, startStage } from '../helpers/stage.ts'
import { until } from '../helpers/until.ts'

describe('Reconciliation with a billing core that can be listed', () => {
  let stage: Stage
  let panel: Billmanager
  let billed: string[]

  beforeAll(async () => {
    panel = await startBillmanager()
    billed = panel.billing.fill([{ domain: 'paid-1.example.net' }, { domain: 'paid-2.example.net' }])
    stage = await startStage()
    await stage.send(...[...billed, 'forgotten', 'recent'].map(id => events.created({ id })))
    await stage.runAll()
    await stage.app.db
      .$executeRaw`update service set updated_at = now() - interval '1 hour' where id <> 'recent'`
    const login = { login: 'ipbridge', password: 'ipbridge-password' }
    await stage.app.desk.billings.add(admin, { name: 'main', kind: 'billmanager', url: panel.url, ...login })
  })
  afterAll(async () => {
    await stage.shutDown()
    await panel.stop()
  })

  async function plan() {
    const operation = await stage.app.desk.reconciliations.start('ipam', 'operator:test')
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    return stage.app.desk.reconciliations.ofOperation(operation)
  }

  it('tells of live services that billing does not know, and of none that is only just there', async () => {
    const { addresses } = await stage.app.desk.services.show(admin, 'forgotten')
    expect(await plan()).toMatchObject({
      counts: { unbilled: 1 },
      findings: [
        {
          class: 'unbilled',
          service: 'forgotten',
          action: 'report',
          ours: { client: 'client-1', server: 'node1', addresses: addresses.map(({ address }) => address) },
        },
      ],
    })
  })

  it('leaves out what is being worked on', async () => {
    await stage.send(events.ordered('forgotten', 'o1'))
    expect((await plan())?.counts).toEqual({})
    await stage.runAll()
  })

  it('does not take a panel that fails for one without services, and says so', async () => {
    panel.faults.add({ what: 'status', status: 502, func: 'vds' })
    const made = await plan()
    expect(made).toMatchObject({ state: 'planned', counts: {} })
    expect(made?.remark).toContain('the services of main could not be listed')
    panel.faults.clear()
  })

  it('does not look for them where the connection says so', async () => {
    await stage.app.desk.connections.change(admin, 'ipam', {
      options: { reconcile: { policies: { unbilled: 'ignore' } } },
    })
    await stage.app.db.$executeRaw`update service set updated_at = now() - interval '1 hour'`
    // Settings are read anew every two seconds.
    await until('the setting is heard of', async () => (await plan())?.counts['unbilled'] === undefined)
  })
})
