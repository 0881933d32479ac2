import { describe, expect, it } from 'vitest'
import type { PanelService } from '../../../src/panels/driver.ts'
import { failureOf } from '../../contract/failures.ts'
import { account, setups, usePve } from '../../helpers/proxmox.ts'

const address = '192.0.2.10'

describe('a guest that Proxmox VE sets up for a service', () => {
  const cluster = usePve()
  const service = (setup: Record<string, unknown>, more: Partial<PanelService> = {}) =>
    cluster.service(undefined, { setup, ...more })
  const made = () => cluster.changes().filter(change => /\/clone$|\/(lxc|qemu|openvz)$/.test(change))

  it('is created with what billing passes through, has the domain as its name, and is started', async () => {
    const { guest, applied } = await cluster.give(
      service({ ...setups.lxc, description: 'of c-1', unprivileged: true }),
      address,
    )
    expect(applied).toBe('now')
    expect(cluster.pve.guest(guest)).toMatchObject({
      running: true,
      config: {
        hostname: 's1.example.net',
        memory: '512',
        unprivileged: '1',
        description: 'of c-1\n\nipbridge-service: s-1',
      },
    })
    expect(cluster.pve.addressesOf(guest)).toEqual([address])
  })

  it('is cloned from a template, onto another node where that is wanted', async () => {
    const { guest } = await cluster.give(service({ ...setups.qemu, node: 'pve2', storage: 'ceph' }), address)
    expect(cluster.pve.guest(guest)).toMatchObject({
      kind: 'qemu',
      node: 'pve2',
      config: { name: 's1.example.net', ide2: expect.stringContaining('cloudinit') },
    })
    expect(
      cluster.pve.simulator.requests.find(({ template }) => template.endsWith('/clone'))?.params,
    ).toMatchObject({
      full: '1',
      target: 'pve2',
      storage: 'ceph',
    })
  })

  it('is given what a clone cannot be made with before it is started, though an answer is lost', async () => {
    const wanted = service({ ...setups.qemu, cores: 4, memory: 2048, description: 'of c-1' })
    const { hooks, faults } = cluster.pve.simulator
    hooks.before = ({ method }) => {
      if (method === 'PUT') faults.place('lost before', 'change')
      if (method === 'PUT') hooks.before = undefined
    }
    expect(await failureOf(cluster.give(wanted, address))).toMatchObject({ code: 'outcome_unknown' })
    const [half] = cluster.pve.guests()
    expect(half).toMatchObject({
      running: false,
      config: { description: 'of c-1\n\nipbridge-unfinished: s-1' },
    })
    expect(await cluster.seen(wanted)).toEqual(['10.0.0.9'])
    const { guest } = await cluster.give(wanted, address)
    expect(cluster.pve.guests()).toEqual([half])
    expect(cluster.pve.guest(guest)).toMatchObject({
      running: true,
      config: { cores: '4', memory: '2048', description: 'of c-1\n\nipbridge-service: s-1' },
    })
    expect(await cluster.seen(wanted)).toEqual([address])
  })

  it('is not said to be configured where Proxmox VE only claims so', async () => {
    const { hooks, faults } = cluster.pve.simulator
    hooks.before = ({ method }) => {
      if (method === 'PUT') faults.place('says success', 'change')
      if (method === 'PUT') hooks.before = undefined
    }
    const failure = await failureOf(cluster.give(service({ ...setups.qemu, cores: 4 }), address))
    expect(failure).toMatchObject({ code: 'panel_unavailable', retry: 'later' })
    expect(failure.message).toContain('the guest is as it was')
  })

  it('is what the server says where the event says nothing else', async () => {
    const driver = cluster.pve.driver({ options: { setup: setups.lxc, bridge: 'vmbr3' } })
    const { guest } = await cluster.give(service({ memory: 2048 }), address, driver)
    expect(cluster.pve.guest(guest).config).toMatchObject({ memory: '2048', hostname: 's1.example.net' })
  })

  it('is plugged into the bridge of the server where nothing says otherwise', async () => {
    const { net0, ...setup } = setups.lxc
    const { guest } = await cluster.give(
      service(setup),
      address,
      cluster.pve.driver({ options: { bridge: 'vmbr3' } }),
    )
    expect(net0).toBeDefined()
    expect(cluster.pve.guest(guest).config['net0']).toContain('bridge=vmbr3')
  })

  it('stays off where billing wants that, and is not started again once its service has it', async () => {
    const { guest } = await cluster.give(service({ ...setups.lxc, start: false }), address)
    expect(cluster.pve.guest(guest).running).toBe(false)
    await cluster.give(cluster.service({ vmid: Number(guest) }), '192.0.2.11')
    expect(cluster.pve.guest(guest).running).toBe(false)
  })

  it('has a number of its own, which follows from its service and skips those of others', async () => {
    const driver = cluster.pve.driver({ options: { vmids: '500-502' } })
    const guests = []
    for (const id of ['a', 'b', 'c'])
      guests.push((await cluster.give(service(setups.lxc, { id }), address, driver)).guest)
    expect([...guests].sort()).toEqual(['500', '501', '502'])
    for (const [index, id] of ['a', 'b', 'c'].entries()) {
      expect((await cluster.give(service(setups.lxc, { id }), address, driver)).guest).toBe(guests[index])
    }
    const failure = await failureOf(cluster.give(service(setups.lxc, { id: 'd' }), address, driver))
    expect(failure).toMatchObject({ code: 'panel_refused', retry: 'never' })
  })

  it('has the number that billing chose, unless somebody else has that', async () => {
    expect(await cluster.give(service({ ...setups.lxc, vmid: 777 }), address)).toMatchObject({ guest: '777' })
    expect(await cluster.give(service({ ...setups.lxc, vmid: 777 }), address)).toMatchObject({ guest: '777' })
    const failure = await failureOf(
      cluster.give(service({ ...setups.lxc, vmid: 777 }, { id: 's-2' }), address),
    )
    expect(failure).toMatchObject({ code: 'panel_refused' })
    expect(failure.message).toContain('777')
    const other = service({ ...setups.lxc, vmid: 777 }, { id: 's-2' })
    await cluster.take(other, address)
    expect(await cluster.seen(other)).toBeUndefined()
    expect(made()).toHaveLength(1)
  })

  it.each(['lxc', 'qemu', 'openvz'] as const)(
    'is not made twice while it is still being made and nobody heard of it (%s)',
    async kind => {
      const { faults, tasks } = cluster.pve.simulator
      const driver = cluster.pve.driver(account)
      const make = () => cluster.give(service(setups[kind]), address, driver)
      tasks.lasts = 12
      faults.place('lost after', 'change')
      expect(await failureOf(make())).toMatchObject({ code: 'outcome_unknown' })
      const failure = await failureOf(make())
      expect(failure).toMatchObject({ code: 'panel_unavailable', retry: 'later' })
      expect(failure.message).toContain('is still being made')
      tasks.lasts = 1
      await expect.poll(() => make().catch(() => undefined)).toBeDefined()
      expect(made()).toHaveLength(1)
      expect(cluster.pve.guests()).toHaveLength(1)
    },
  )

  it('waits for a task that takes its time, though a look at it is lost', async () => {
    const { tasks, hooks, books } = cluster.pve.simulator
    tasks.lasts = 6
    hooks.before = ({ template }) => {
      if (!template.includes('/tasks/')) return
      books.away.add('pve1')
      hooks.before = ({ template: next }) => {
        if (next.includes('/tasks/')) books.away.delete('pve1')
      }
    }
    await cluster.give(service(setups.lxc), address)
    expect(cluster.pve.guests()).toHaveLength(1)
  })

  it('says why its task failed, and is made at the next try', async () => {
    cluster.pve.simulator.tasks.nextFails = 'unable to create CT: storage local is full'
    const failure = await failureOf(cluster.give(service(setups.lxc), address))
    expect(failure).toMatchObject({ code: 'panel_unavailable', retry: 'later' })
    expect(failure.message).toContain('it says: unable to create CT: storage local is full')
    await cluster.give(service(setups.lxc), address)
    expect(cluster.pve.guests()).toHaveLength(1)
  })

  it('is waited for no longer than somebody wants it', async () => {
    cluster.pve.simulator.tasks.lasts = Number.POSITIVE_INFINITY
    const abort = new AbortController()
    const wanted = { address, ptr: undefined, main: true, network: { prefix: 24 } }
    const call = cluster.pve.driver().configure(service(setups.lxc), wanted, abort.signal)
    await expect.poll(made).toHaveLength(1)
    abort.abort(new Error('no longer wanted'))
    await expect(call).rejects.toThrow('no longer wanted')
  })

  it('keeps its password out of what is said when it is refused', async () => {
    const { refused } = cluster.pve.simulator
    const failure = await failureOf(
      cluster.give(service({ ...setups.lxc, password: 'hunter22', bwlimit: 'hunter22' }), address),
    )
    expect(failure).toMatchObject({ code: 'panel_refused' })
    expect(failure.message).toContain("bwlimit: type check ('number') failed - got '[secret]'")
    expect(refused.splice(0)).toHaveLength(1)
  })

  it.each([
    [{}, 'names no guest'],
    [{ kind: 'lxc' }, 'needs clone'],
    [{ clone: 4711 }, 'a clone of 4711'],
    [{ clone: 'debian' }, 'setup/clone must be a number, not text'],
    [{ ...setups.qemu, ipconfig0: 'ip=10.0.0.1/8' }, 'setup/ipconfig0 may not be set'],
    [{ ...setups.lxc, tags: ['a'] }, 'setup/tags must be text'],
    [{ ...setups.lxc, 'net0 ': 'x' }, 'is not a name of a parameter'],
    [{ ...setups.lxc, node: '../pve1' }, 'setup/node must be the name of a node'],
  ])('is refused where what billing passes through makes none (%o)', async (setup, text) => {
    const failure = await failureOf(cluster.give(service(setup), address))
    expect(failure).toMatchObject({ code: 'panel_refused', retry: 'never' })
    expect(failure.message).toContain(text)
    expect(made()).toEqual([])
  })
})
