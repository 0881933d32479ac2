import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Billmanager, startBillmanager } from '../../../src/simulators/billmanager/start.ts'
import { ask as askPanel } from '../../helpers/ipmanager.ts'

const root = 'root:root-password'

describe('The simulated BILLmanager', () => {
  let panel: Billmanager
  beforeEach(async () => {
    panel = await startBillmanager({ behaviour: { mostTries: 3 } })
  })
  afterEach(() => panel.stop())

  const ask = (params: Record<string, string>) => askPanel(panel.url, { authinfo: root, ...params })

  it('opens a service once its addresses are stored and made active', async () => {
    const id = panel.billing.order({ domain: 'a.example.net' })
    const [slot] = panel.billing.slots(id)
    expect(panel.modules.work()).toBe(1)
    const stored = await ask({ func: 'service.ip.add', sok: 'ok', elid: slot?.id ?? '', ip: '192.0.2.7' })
    expect(stored['ip.id'].$).toBe(slot?.id)
    expect(panel.modules.work()).toBe(1)
    await ask({ func: 'service.ip.add.commit', sok: 'ok', elid: slot?.id ?? '' })
    expect(panel.modules.work()).toBe(0)
    const { elem } = await ask({ func: 'vds', filter: 'on', id })
    expect(elem).toMatchObject({ ip: { $: '192.0.2.7' }, item_status: { $orig: '2', $: 'Active' } })
  })

  it('leaves an operation to people after its last try, as one task, until they put it back', async () => {
    const id = panel.billing.order({ domain: 'a.example.net' })
    for (let n = 0; n < 5; n++) panel.modules.work()
    const [operation] = panel.modules.operations()
    expect(operation).toMatchObject({ item: id, command: 'open', trycount: 3, manual: true })
    expect(panel.modules.tasks()).toMatchObject([{ item: id, type: 'task_open' }])
    await ask({ func: 'runningoperation.edit', sok: 'ok', elid: operation?.id ?? '', manual: 'off' })
    panel.modules.work()
    expect(panel.modules.operations()).toMatchObject([{ trycount: 4, manual: true }])
    expect(panel.modules.tasks()).toHaveLength(1)
    expect((await ask({ func: 'task' })).elem).toMatchObject({ runningoperation: { $: operation?.id } })
    await ask({ func: 'runningoperation.delete', elid: operation?.id ?? '' })
    expect(panel.modules.operations()).toEqual([])
  })

  it('shows an ordered address only after a while, and lets the main one not be deleted', async () => {
    panel.panel.behave({ slotAfterPolls: 2 })
    const id = panel.billing.order({ domain: 'a.example.net' })
    const form = await ask({ func: 'service.ip.edit', plid: id })
    expect([form.slist].flat()).toMatchObject([{ $name: 'type' }])
    const params = { func: 'service.ip.edit', plid: id, sok: 'ok', type: '8', count: '1' }
    expect((await ask(params)).ok).toEqual({})
    const list = async () => [(await ask({ func: 'service.ip', elid: id })).elem].flat().length
    expect([await list(), await list(), await list()]).toEqual([1, 1, 2])
    const [main] = panel.billing.slots(id)
    expect((await ask({ func: 'service.ip.delete', plid: id, elid: main?.id ?? '' })).error.$type).toBe(
      'access',
    )
  })

  it('refuses what is not there, and what is no address', async () => {
    const id = panel.billing.order({ domain: 'a.example.net' })
    const elid = panel.billing.slots(id)[0]?.id ?? ''
    expect((await ask({ func: 'service.ip', elid: '9' })).error).toMatchObject({
      $type: 'missed',
      $object: 'item',
    })
    expect((await ask({ func: 'service.ip.del', elid: '9' })).error).toMatchObject({
      $type: 'value',
      $object: 'elid',
    })
    const bad = await ask({ func: 'service.ip.add', sok: 'ok', elid, ip: '192.0.2' })
    expect(bad.error).toMatchObject({ $type: 'value', $object: 'ip' })
    expect((await ask({ func: 'service.ip.add.commit', sok: 'ok', elid })).error.$type).toBe('missed')
  })
})
