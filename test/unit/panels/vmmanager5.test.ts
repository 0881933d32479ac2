import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { vmmanager5 } from '../../../src/panels/vmmanager5.ts'
import { type GuestPanel, startGuestPanel } from '../../../src/simulators/guests/start.ts'
import { startVmmanager5 } from '../../../src/simulators/vmmanager5/start.ts'
import { failureOf } from '../../contract/failures.ts'
import { panelAddress, panelService } from '../../helpers/panel-service.ts'
import { openServer } from '../../helpers/servers.ts'

const { signal } = new AbortController()
const setup = {
  preset: 'KVM-1',
  vmi: 'ISPsystem__Debian-12',
  password: 'guest-canary',
  vcpu: 2,
  nodhcp: true,
}

let panel: GuestPanel
beforeEach(async () => {
  panel = await startVmmanager5()
})
afterEach(() => panel.stop())

const driver = (options: Record<string, unknown> = {}) =>
  vmmanager5(openServer({ url: panel.url, options: { patienceSeconds: 0.1, ...options } }))
const look = (id: string) => panel.books.look(id)
const ips = (id: string) => look(id)?.addresses.map(({ ip }) => ip)

describe('Setting a guest up on VMmanager 5', () => {
  it('passes on what billing says, and names guest, address and PTR itself', async () => {
    const { guest } = await driver().configure(panelService({ setup }), panelAddress(), signal)
    expect(look(guest)).toMatchObject({
      name: 'ipb-1042',
      params: {
        preset: 'KVM-1',
        vmi: 'ISPsystem__Debian-12',
        vcpu: '2',
        nodhcp: 'on',
        password: 'guest-canary',
        confirm: 'guest-canary',
        hostnode: 'auto',
        ip: '192.0.2.10',
        family: 'ipv4',
        iptype: 'public',
        domain: 'shop.example.net',
      },
      addresses: [{ ip: '192.0.2.10', ptr: 'shop.example.net', iptype: 'public' }],
    })
  })

  it('takes what is the same for all guests from the server, and billing has the last word', async () => {
    const options = { setup: { preset: 'KVM-0', vmi: 'Debian', hostnode: '7' }, group: 'vlan12' }
    const service = panelService({ setup: { preset: 'KVM-9' } })
    const { guest } = await driver(options).configure(service, panelAddress(), signal)
    expect(look(guest)?.params).toMatchObject({
      preset: 'KVM-9',
      vmi: 'Debian',
      hostnode: '7',
      iptype: 'vlan12',
    })
  })

  it.each(['ip', 'name', 'domain', 'func', 'su', 'authinfo'])('lets billing not say %s', async name => {
    const service = panelService({ setup: { ...setup, [name]: 'x' } })
    const refusal = await failureOf(driver().configure(service, panelAddress(), signal))
    expect(refusal).toMatchObject({ code: 'panel_refused', message: expect.stringContaining(name) })
    expect(panel.books.guests()).toEqual([])
  })

  it('says what the panel misses', async () => {
    const refusal = await failureOf(driver().configure(panelService(), panelAddress(), signal))
    expect(refusal).toMatchObject({
      code: 'panel_refused',
      message: expect.stringContaining('missed(preset)'),
    })
  })

  it("keeps the guest's password out of what the panel says", async () => {
    const error = { type: 'missed', object: 'password', value: 'guest-canary' }
    panel.faults.add({ what: 'error', func: 'vm.edit', submit: true, error })
    const refusal = await failureOf(driver().configure(panelService({ setup }), panelAddress(), signal))
    expect(refusal.message).toContain('[secret]')
    expect(inspect(refusal, { depth: 5 })).not.toContain('guest-canary')
  })

  it('never keeps an address that the panel has chosen', async () => {
    panel.behave({ overlooksAddress: true })
    panel.faults.add({ what: 'status', status: 502, func: 'iplist.edit' })
    await failureOf(driver().configure(panelService({ setup }), panelAddress(), signal))
    const [made] = panel.books.guests()
    expect(made?.addresses).toEqual([])
    panel.faults.clear()
    panel.behave({ overlooksAddress: false })
    const { guest } = await driver().configure(panelService({ setup }), panelAddress(), signal)
    expect(guest).toBe(made?.id)
    expect(ips(guest)).toEqual(['192.0.2.10'])
  })
})

describe('The addresses of a guest on VMmanager 5', () => {
  it('are those of one guest: a name with a comma is none', async () => {
    const guests = [panel.books.add('one'), panel.books.add('other')].join(', ')
    const refusal = await failureOf(
      driver().configure(panelService({ guest: guests }), panelAddress(), signal),
    )
    expect(refusal).toMatchObject({ code: 'panel_refused', message: expect.stringContaining(guests) })
    await driver().unassign(panelService({ guest: guests }), '192.0.2.10', signal)
    expect(panel.books.guests().flatMap(({ addresses }) => addresses)).toEqual([])
  })

  it('go to one guest only: another that has one is named', async () => {
    const [one, other] = [panel.books.add('one'), panel.books.add('other')]
    panel.books.assign(other, '192.0.2.10')
    const call = driver().configure(panelService({ guest: one }), panelAddress(), signal)
    expect(await failureOf(call)).toMatchObject({
      code: 'still_in_use',
      retry: 'later',
      message: expect.stringContaining('192.0.2.10 is at another guest'),
    })
    expect(ips(one)).toEqual([])
  })

  it('stay in use while the panel keeps a main address, and until its guest is deleted', async () => {
    panel.behave({ mainStays: true })
    const guest = panel.books.add('one')
    panel.books.assign(guest, '192.0.2.10')
    const service = panelService({ guest })
    const refusal = await failureOf(driver().unassign(service, '192.0.2.10', signal))
    expect(refusal).toMatchObject({ code: 'still_in_use', retry: 'later' })
    panel.books.remove(guest)
    await driver().unassign(service, '192.0.2.10', signal)
    expect(await driver().addresses(service, signal)).toBeUndefined()
  })

  it('are seen to the last one, on however many pages', async () => {
    panel.behave({ largestPage: 2 })
    const guest = panel.books.add('one')
    const all = ['192.0.2.10', '192.0.2.11', '192.0.2.12', '2001:db8::1', '2001:db8::2']
    for (const ip of all) panel.books.assign(guest, ip)
    expect(await driver().addresses(panelService({ guest }), signal)).toEqual(all)
    panel.faults.add({ what: 'half-list', func: 'iplist' })
    const failure = await failureOf(driver().addresses(panelService({ guest }), signal))
    expect(failure).toMatchObject({ code: 'panel_unavailable', retry: 'later' })
  })
})

describe('PTRs on VMmanager 5', () => {
  it('are left alone where the server says so', async () => {
    const quiet = driver({ ptr: false })
    expect(quiet.setPtr).toBeUndefined()
    const { guest } = await quiet.configure(panelService({ setup }), panelAddress(), signal)
    expect(look(guest)?.addresses).toEqual([{ ip: '192.0.2.10', ptr: '', iptype: 'public' }])
  })

  it('are removed by the name that stands for none', async () => {
    const named = driver({ noPtr: 'free.ds' })
    const service = panelService({ setup })
    const { guest } = await named.configure(service, panelAddress(), signal)
    await named.setPtr?.(service, '192.0.2.10', undefined, signal)
    expect(look(guest)?.addresses[0]?.ptr).toBe('free.ds')
    panel.faults.add({ what: 'error', submit: true, error: { type: 'access' } })
    await named.setPtr?.(service, '192.0.2.10', undefined, signal)
  })
})

describe('A server with VMmanager 5', () => {
  it('may be OVZ as well, and sign in once for many calls', async () => {
    const ovz = await startVmmanager5({ mgr: 'vemgr' })
    const server = openServer({ url: ovz.url, options: { signIn: 'session' } })
    const { guest } = await vmmanager5(server).configure(panelService({ setup }), panelAddress(), signal)
    expect(ovz.books.look(guest)?.addresses).toMatchObject([{ ip: '192.0.2.10' }])
    await ovz.stop()
  })

  it('is told when another panel is at its URL', async () => {
    panel.faults.add({ what: 'other-panel', mgr: 'ispmgr' })
    const { ok, remarks } = await driver().check(signal)
    expect(ok).toBe(false)
    expect(remarks.join()).toContain('ispmgr')
  })

  it('is told that an ordinary user sees its own guests only', async () => {
    const server = openServer({ url: panel.url, login: 'client', password: 'client-password' })
    const { ok, remarks } = await vmmanager5(server).check(signal)
    expect(ok).toBe(true)
    expect(remarks.join()).toContain('no administrator')
  })

  it('may spell everything otherwise', async () => {
    const product = {
      mgr: 'vmmgr',
      guests: 'machine',
      form: 'machine.edit',
      deletion: 'machine.delete',
      addresses: 'machine.addr',
      address: 'machine.addr.edit',
      removal: 'machine.addr.delete',
      element: 'id',
      row: 'ip',
      ptr: 'name',
      any: '',
      hasFamilies: false,
      makes: true,
      required: [],
      domainNames: false,
      groupRows: false,
    } as const
    const strange = await startGuestPanel(product)
    const wire = {
      guests: 'machine',
      guest: 'machine.edit',
      addresses: 'machine.addr',
      address: 'machine.addr.edit',
      removal: 'machine.addr.delete',
      row: 'ip',
      ptr: 'name',
      domain: '',
      family: '',
      group: '',
    }
    const spelled = vmmanager5(openServer({ url: strange.url, options: { wire } }))
    const service = panelService()
    const { guest } = await spelled.configure(service, panelAddress(), signal)
    expect(strange.books.look(guest)?.addresses).toMatchObject([
      { ip: '192.0.2.10', ptr: 'shop.example.net' },
    ])
    await spelled.unassign(service, '192.0.2.10', signal)
    expect(strange.books.look(guest)?.addresses).toEqual([])
    await strange.stop()
  })
})
