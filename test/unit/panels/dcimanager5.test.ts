import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dcimanager5 } from '../../../src/panels/dcimanager5.ts'
import { startDcimanager5 } from '../../../src/simulators/dcimanager5/start.ts'
import type { GuestPanel } from '../../../src/simulators/guests/start.ts'
import { failureOf } from '../../contract/failures.ts'
import { panelAddress, panelService } from '../../helpers/panel-service.ts'
import { openServer } from '../../helpers/servers.ts'

const { signal } = new AbortController()

let panel: GuestPanel
beforeEach(async () => {
  panel = await startDcimanager5()
})
afterEach(() => panel.stop())

const driver = (options: object = {}) =>
  dcimanager5(openServer({ url: panel.url, options: { patienceSeconds: 0.1, ...options } }))

describe('DCImanager 5', () => {
  it('lists groups of addresses among them, which are none', async () => {
    const guest = panel.books.add('rack-1')
    await driver().configure(panelService({ guest }), panelAddress(), signal)
    expect(await driver().addresses(panelService({ guest }), signal)).toEqual(['192.0.2.10'])
  })

  it('keeps a main address on its server, named as nobody, until somebody takes it off', async () => {
    panel.behave({ mainStays: true })
    const guest = panel.books.add('rack-1')
    const service = panelService({ guest })
    const vendor = driver({ noPtr: 'free.ds' })
    await vendor.configure(service, panelAddress(), signal)
    await vendor.setPtr?.(service, '192.0.2.10', undefined, signal)
    expect(panel.books.look(guest)?.addresses).toMatchObject([{ ip: '192.0.2.10', ptr: 'free.ds' }])
    const refusal = await failureOf(vendor.unassign(service, '192.0.2.10', signal))
    expect(refusal).toMatchObject({ code: 'still_in_use', retry: 'later' })
    expect(refusal.message).toContain('192.0.2.10 is still on guest 1')
  })

  it('takes no option about servers that are made, since it makes none', () => {
    expect(() => driver({ setup: { preset: 'x' } })).toThrow('options.setup is not a known field')
  })
})
