import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PanelGuest } from '../../../src/panels/driver.ts'
import { vmmanager6 } from '../../../src/panels/vmmanager6/driver.ts'
import { startVmmanager6, type Vmmanager6 } from '../../../src/simulators/vmmanager6/start.ts'
import { failureOf } from '../../contract/failures.ts'
import { panelAddress, panelService } from '../../helpers/panel-service.ts'
import { openServer } from '../../helpers/servers.ts'
import { until } from '../../helpers/until.ts'

const { signal } = new AbortController()
const setup = { cluster: 1, os: 12, password: 'guest-canary', disks: [{ size_mib: 10_000 }] }

let panel: Vmmanager6
beforeEach(async () => {
  panel = await startVmmanager6()
})
afterEach(() => panel.stop())

const driver = (options: Record<string, unknown> = {}) =>
  vmmanager6(
    openServer({
      url: panel.url,
      login: 'admin@example.net',
      options: { patienceSeconds: 0.1, ...options },
    }),
  )

describe('Setting a guest up on VMmanager 6', () => {
  it('passes on what billing says, names the address, and marks the guest', async () => {
    const service = panelService({ setup: { ...setup, comment: 'VIP' } })
    const { guest } = await driver({ address: { ip_pool: 3 } }).configure(service, panelAddress(), signal)
    expect(panel.books.look(guest)).toMatchObject({
      name: 'ipb-1042',
      comment: 'VIP [ipb:service:1042]',
      params: { ...setup, ip_addr: { name: '192.0.2.10', ip_pool: 3 }, domain: 'shop.example.net' },
      addresses: [{ ip: '192.0.2.10', ptr: 'shop.example.net' }],
    })
  })

  it('finds the guest by its mark, whatever people call it', async () => {
    const service = panelService({ setup: { ...setup, name: 'web-1' } })
    const { guest } = await driver().configure(service, panelAddress(), signal)
    const other = panelService({ id: '104', setup: { ...setup, name: 'web-1' } })
    const second = await driver().configure(other, panelAddress('192.0.2.11'), signal)
    expect(second.guest).not.toBe(guest)
    expect((await driver().configure(service, panelAddress(), signal)).guest).toBe(guest)
    expect(panel.books.hosts()).toHaveLength(2)
  })

  it.each(['a]b', 'a [ipb:service:1] b', '50%', 'заказ 7'])('finds it for an id like %s', async id => {
    const service = panelService({ id, setup })
    const { guest } = await driver().configure(service, panelAddress(), signal)
    expect(await driver().configure(service, panelAddress(), signal)).toMatchObject({ guest })
    const guests: PanelGuest[] = []
    for await (const one of driver().guests?.(signal) ?? []) guests.push(one)
    expect(guests).toEqual([{ guest, service: id, addresses: ['192.0.2.10'] }])
  })

  it.each(['ip_addr', 'ipv4_number', 'custom_interfaces'])('lets billing not say %s', async name => {
    const service = panelService({ setup: { ...setup, [name]: 1 } })
    const refusal = await failureOf(driver().configure(service, panelAddress(), signal))
    expect(refusal).toMatchObject({ code: 'panel_refused', message: expect.stringContaining(name) })
    expect(panel.books.hosts()).toEqual([])
  })

  it('never keeps an address that the panel has chosen', async () => {
    panel.panel.behave({ overlooksAddress: true })
    await failureOf(driver().configure(panelService({ setup }), panelAddress(), signal))
    panel.panel.behave({ overlooksAddress: false })
    const { guest } = await driver().configure(panelService({ setup }), panelAddress(), signal)
    const addresses = panel.books.look(guest)?.addresses.map(({ ip }) => ip)
    expect(addresses).toContain('192.0.2.10')
    expect(panel.books.hosts()).toHaveLength(1)
  })
})

it("A guest's password is kept out of what VMmanager 6 says", async () => {
  const service = panelService({ setup: { ...setup, cluster: '', ssh_key: 'key-canary' } })
  panel.faults.add({ what: 'refuses', on: 'change', message: 'bad values: guest-canary, key-canary' })
  const refusal = await failureOf(driver().configure(service, panelAddress(), signal))
  expect(refusal.message).toContain('bad values: [secret], [secret]')
  expect(inspect(refusal, { depth: 5 })).not.toContain('canary')
})

describe('The tasks of VMmanager 6', () => {
  it('are waited for, however long they take, and never begun twice', async () => {
    panel.panel.behave({ taskMs: 3_600_000 })
    const impatient = driver({ taskSeconds: 0.1 })
    const service = panelService({ setup })
    for (const _ of [1, 2]) {
      const failure = await failureOf(impatient.configure(service, panelAddress(), signal))
      expect(failure).toMatchObject({
        code: 'panel_unavailable',
        message: expect.stringContaining('running'),
      })
    }
    panel.books.finishTasks()
    const { guest } = await impatient.configure(service, panelAddress(), signal)
    expect(panel.books.look(guest)?.addresses).toHaveLength(1)
    expect(panel.books.tasks().map(task => task.name)).toEqual(['host_create'])
  })

  it('that fail are told of, and tried again', async () => {
    const guest = panel.books.add('by-hand')
    panel.faults.add({ what: 'task-fails', on: 'change', times: 1 })
    const service = panelService({ guest })
    const failure = await failureOf(driver().configure(service, panelAddress(), signal))
    expect(failure).toMatchObject({ code: 'panel_unavailable', retry: 'later' })
    expect(failure.message).toMatch(/task \d+ \(giving 192\.0\.2\.10 to guest 1\) ended as fail/)
    await driver().configure(service, panelAddress(), signal)
    expect(panel.books.look(guest)?.addresses).toMatchObject([{ ip: '192.0.2.10', ptr: 'shop.example.net' }])
  })
})

describe('Whoever waits for VMmanager 6', () => {
  it('is told why, when it is told to stop', async () => {
    panel.panel.behave({ taskMs: 3_600_000 })
    const abort = new AbortController()
    const guest = panel.books.add('by-hand')
    const call = driver().configure(panelService({ guest }), panelAddress(), abort.signal)
    await until('the task is at work', () => panel.books.tasks().length > 0)
    abort.abort(new Error('no longer wanted'))
    await expect(call).rejects.toThrow('no longer wanted')
  })
})

describe('What VMmanager 6 answers', () => {
  it('may leave a list of IPv6 addresses out: then they are found one by one', async () => {
    panel.panel.behave({ listsIpv6: false })
    const service = panelService({ guest: panel.books.add('by-hand') })
    const six = '2001:db8:0:1::10'
    await driver().configure(service, panelAddress(), signal)
    await driver().configure(service, panelAddress(six), signal)
    await driver().setPtr?.(service, six, 'six.example.net', signal)
    expect(await driver().addresses(service, signal)).toEqual(['192.0.2.10', six])
    expect(panel.books.look('1')?.addresses[1]).toEqual({ ip: six, ptr: 'six.example.net' })
    await driver().unassign(service, six, signal)
    expect(panel.books.look('1')?.addresses).toMatchObject([{ ip: '192.0.2.10' }])
  })

  it('may be that a token has ended: then it signs in once more', async () => {
    const guest = panel.books.add('by-hand')
    panel.faults.add({ what: 'tokens-end', on: 'change', times: 1 })
    await driver().configure(panelService({ guest }), panelAddress(), signal)
    expect(panel.books.look(guest)?.addresses).toHaveLength(1)
  })

  it('may be a refusal, in its own words', async () => {
    const [one, other] = [panel.books.add('one'), panel.books.add('other')]
    panel.books.assign(other, '192.0.2.10')
    const call = driver().configure(panelService({ guest: one }), panelAddress(), signal)
    expect(await failureOf(call)).toMatchObject({
      code: 'panel_refused',
      message: expect.stringContaining('192.0.2.10 is used by host 2'),
    })
  })

  it('may mean "not now", by the codes that the server has', async () => {
    const guest = panel.books.add('by-hand')
    panel.faults.add({ what: 'refuses', on: 'change', code: 3_011 })
    const call = (options: object) =>
      failureOf(driver({ ...options }).configure(panelService({ guest }), panelAddress(), signal))
    expect(await call({})).toMatchObject({ code: 'panel_refused', retry: 'never' })
    expect(await call({ busyCodes: [3_011] })).toMatchObject({ code: 'panel_unavailable', retry: 'later' })
  })

  it('is not asked for what is no id of its own', async () => {
    const strange = panelService({ guest: "1' OR 1 EQ 1" })
    expect(await driver().addresses(strange, signal)).toBeUndefined()
    expect(await failureOf(driver().configure(strange, panelAddress(), signal))).toMatchObject({
      code: 'panel_refused',
    })
  })
})
