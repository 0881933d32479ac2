import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startDcimanager5 } from '../../../src/simulators/dcimanager5/start.ts'
import type { GuestPanel } from '../../../src/simulators/guests/start.ts'
import { startVdsmanager } from '../../../src/simulators/vdsmanager/start.ts'
import { startVmmanager5 } from '../../../src/simulators/vmmanager5/start.ts'
import { ask, control, post } from '../../helpers/ipmanager.ts'

const authinfo = 'admin:panel-password'
const making = { func: 'vm.edit', sok: 'ok', name: 'web', preset: 'KVM-1', vmi: 'Debian' }

describe('The simulated VMmanager 5', () => {
  let panel: GuestPanel
  beforeEach(async () => {
    panel = await startVmmanager5()
  })
  afterEach(() => panel.stop())

  const call = (params: Record<string, string>) => ask(panel.url, { authinfo, ...params })
  const errorOf = async (params: Record<string, string>) => {
    const { error } = await call(params)
    return error && `${error.$type}(${error.$object})`
  }

  it('makes a guest with the address that is named, and lists both', async () => {
    const { id, ip, ok } = await call({
      ...making,
      ip: '192.0.2.10',
      family: 'ipv4',
      domain: 'web.example.net',
    })
    expect({ id, ip, ok }).toEqual({ id: { $: '1' }, ip: { $: '192.0.2.10' }, ok: {} })
    expect(await call({ func: 'vm' })).toMatchObject({
      elem: { id: { $: '1' }, name: { $: 'web' }, ip: { $: '192.0.2.10' } },
      p_elems: { $: '1' },
    })
    expect(await call({ func: 'iplist', elid: '1' })).toMatchObject({
      elem: { ip: { $: '192.0.2.10' }, domain: { $: 'web.example.net.' } },
    })
  })

  it('chooses an address where none is named', async () => {
    expect((await call(making)).ip.$).toBe('203.0.113.10')
    const added = { func: 'iplist.edit', sok: 'ok', plid: '1', family: 'ipv6' }
    expect((await call(added)).ip.$).toBe('2001:db8:99::10')
  })

  it.each([
    ['a name that is taken', making, 'exists(name)'],
    ['no preset', { ...making, name: 'x', preset: '' }, 'missed(preset)'],
    ['a password that is not confirmed', { ...making, name: 'x', password: 'a' }, 'value(confirm)'],
    ['an address that a guest has', { ...making, name: 'x', ip: '192.0.2.10' }, 'exists(ip)'],
    ['an address of the other family', { ...making, name: 'x', ip: '::1', family: 'ipv4' }, 'value(family)'],
    ['a guest that there is not', { func: 'vm.edit', elid: '99' }, 'value(elid)'],
    ['addresses of none', { func: 'iplist', elid: '99' }, 'value(elid)'],
    ['an address for none', { func: 'iplist.edit', sok: 'ok', plid: '99' }, 'value(plid)'],
    ['an address that it has not', { func: 'iplist.delete', plid: '1', elid: '99' }, 'value(elid)'],
    ['a stranger', { func: 'vm', authinfo: 'admin:guess' }, 'auth(badpassword)'],
  ])('refuses %s', async (_, params, refusal) => {
    await call({ ...making, ip: '192.0.2.10' })
    expect(await errorOf(params)).toBe(refusal)
  })

  it('changes a PTR, takes an address off, and deletes a guest', async () => {
    await call({ ...making, ip: '192.0.2.10' })
    await call({ func: 'iplist.edit', sok: 'ok', plid: '1', elid: '1', domain: 'New.example.net.' })
    expect(panel.books.look('1')?.addresses).toMatchObject([{ ptr: 'new.example.net' }])
    await call({ func: 'iplist.delete', plid: '1', elid: '1' })
    expect(panel.books.look('1')?.addresses).toEqual([])
    await call({ func: 'vm.delete', elid: '1' })
    expect(panel.books.guests()).toEqual([])
  })

  it('claims on demand what it has not done', async () => {
    panel.faults.add({ what: 'says-ok', func: 'vm.edit' })
    expect((await call(making)).ok).toEqual({})
    expect(panel.books.guests()).toEqual([])
  })

  it('is controlled by other processes', async () => {
    const id = await control(panel.controlUrl, 'books/add', 'by-hand')
    await control(panel.controlUrl, 'books/assign', id, '192.0.2.10')
    expect(await control(panel.controlUrl, 'books/look', id)).toMatchObject({
      name: 'by-hand',
      addresses: [{ ip: '192.0.2.10' }],
    })
  })
})

describe('The simulated VDSmanager 4', () => {
  let panel: GuestPanel
  beforeEach(async () => {
    panel = await startVdsmanager()
  })
  afterEach(() => panel.stop())

  const call = async (params: Record<string, string>) =>
    (await post(panel.url, { out: 'xml', authinfo, ...params })).body
  const vds = { func: 'vds.edit', sok: 'ok', id: 'auto', vdspreset: 'OVZ-1', passwd: 'x', confirm: 'x' }

  it('answers at the path of version 4, where a server goes by its main address', async () => {
    const url = panel.url.replace('/vdsmgr', '/manager/vdsmgr')
    const { body } = await post(url, {
      out: 'xml',
      authinfo,
      ...vds,
      name: 'a.example.net',
      ip: '192.0.2.10',
    })
    expect(body).toContain('<ip>192.0.2.10</ip>')
    const extra = {
      func: 'vds.ip.edit',
      sok: 'ok',
      plid: '192.0.2.10',
      ip: '192.0.2.11',
      name: 'b.example.net',
    }
    expect(await call(extra)).toContain('<ok/>')
    expect(await call({ func: 'vds.ip', elid: '192.0.2.10' })).toContain('<name>b.example.net</name>')
    expect(await call({ func: 'vds.ip', elid: '1' })).toContain('<error code="4">')
  })

  it('wants the name of a domain, and chooses an address when it hears auto', async () => {
    expect(await call({ ...vds, name: 'a' })).toContain('<error code="4">')
    expect(await call({ ...vds, name: 'a.example.net', ip: 'auto' })).toContain('<ip>203.0.113.10</ip>')
  })

  it('says nothing to strangers', async () => {
    expect(await call({ func: 'vds', authinfo: 'admin:guess' })).toContain('<authfail/>')
  })
})

it('The simulated DCImanager 5 makes no servers', async () => {
  const panel = await startDcimanager5()
  const { error } = await ask(panel.url, { authinfo, func: 'server.edit', sok: 'ok', name: 'x' })
  expect(error.$type).toBe('missed')
  await panel.stop()
})
