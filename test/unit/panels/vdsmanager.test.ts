import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { vdsmanager } from '../../../src/panels/vdsmanager.ts'
import type { GuestPanel } from '../../../src/simulators/guests/start.ts'
import { startVdsmanager } from '../../../src/simulators/vdsmanager/start.ts'
import { failureOf } from '../../contract/failures.ts'
import { panelAddress, panelService } from '../../helpers/panel-service.ts'
import { openServer } from '../../helpers/servers.ts'

const { signal } = new AbortController()
const setup = { vdspreset: 'OVZ-1', disktempl: 'debian-6', passwd: 'guest-password', owner: 'c12' }

let panel: GuestPanel
beforeEach(async () => {
  panel = await startVdsmanager()
})
afterEach(() => panel.stop())

const driver = () => vdsmanager(openServer({ url: panel.url, options: { patienceSeconds: 0.1 } }))
const ips = (id: string) => panel.books.look(id)?.addresses.map(({ ip }) => ip)

describe('VDSmanager 4', () => {
  it('is told a domain name, an id and the address of a new server', async () => {
    const { guest } = await driver().configure(panelService({ setup }), panelAddress(), signal)
    expect(panel.books.look(guest)).toMatchObject({
      name: '1042.shop.example.net',
      params: {
        id: 'auto',
        ip: '192.0.2.10',
        owner: 'c12',
        passwd: 'guest-password',
        confirm: 'guest-password',
      },
      addresses: [{ ip: '192.0.2.10', ptr: 'shop.example.net' }],
    })
    expect(panel.books.look(guest)?.params).not.toHaveProperty('family')
  })

  it('knows its servers by their main address, and we by an id that stays when that changes', async () => {
    const service = panelService({ setup })
    const { guest } = await driver().configure(service, panelAddress('192.0.2.10'), signal)
    const known = { ...service, guest }
    await driver().configure(known, panelAddress('192.0.2.11', { main: false }), signal)
    await driver().unassign(known, '192.0.2.10', signal)
    expect(ips(guest)).toEqual(['192.0.2.11'])
    await driver().setPtr?.(known, '192.0.2.11', 'mail.example.org', signal)
    expect(panel.books.look(guest)?.addresses).toMatchObject([{ ptr: 'mail.example.org' }])
  })

  it('may be told by billing which server it is by its main address', async () => {
    const guest = panel.books.add('by-hand.example.net')
    panel.books.assign(guest, '198.51.100.7')
    const service = panelService({ guest: '198.51.100.7' })
    expect(await driver().configure(service, panelAddress(), signal)).toEqual({ guest, applied: 'now' })
    expect(ips(guest)).toEqual(['198.51.100.7', '192.0.2.10'])
  })

  it('says by number what is wrong, and only that of who may not sign in', async () => {
    const [one, other] = [panel.books.add('one.example.net'), panel.books.add('other.example.net')]
    panel.books.assign(other, '192.0.2.10')
    const call = driver().configure(panelService({ guest: one }), panelAddress(), signal)
    expect(await failureOf(call)).toMatchObject({ code: 'still_in_use', retry: 'later' })
    const stranger = vdsmanager(openServer({ url: panel.url, password: 'wrong' }))
    expect(await failureOf(stranger.addresses(panelService(), signal))).toMatchObject({
      code: 'bad_credentials',
    })
  })

  it('is asked in XML only', async () => {
    panel.faults.add({ what: 'truncated', func: 'vds' })
    const failure = await failureOf(driver().addresses(panelService(), signal))
    expect(failure).toMatchObject({ code: 'panel_unavailable', retry: 'later' })
  })
})
