import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createForwardLook } from '../../src/dns/forward.ts'
import { memoryIpam } from '../../src/ipam/memory.ts'
import { admin } from '../helpers/api.ts'
import { startTestApp, type TestApp } from '../helpers/app.ts'
import { events } from '../helpers/events.ts'
import { type NameServer, startNameServer } from '../helpers/name-server.ts'

const signal = new AbortController().signal

describe('Where a name leads', () => {
  let dns: NameServer
  beforeAll(async () => {
    dns = await startNameServer()
    dns.names.set('web.example.net', ['192.0.2.7', '192.0.2.8', '2001:db8::7'])
    dns.names.set('silent.example.net', undefined)
  })
  afterAll(() => dns.stop())

  const look = (name: string, address: string) =>
    createForwardLook({ servers: [dns.address], timeoutMs: 100 })(name, address, signal)

  it.each([
    ['web.example.net', '192.0.2.8', 'confirmed'],
    ['web.example.net', '2001:db8::7', 'confirmed'],
    ['web.example.net', '192.0.2.9', 'leads elsewhere'],
    ['web.example.net', '2001:db8::8', 'leads elsewhere'],
    ['nowhere.example.net', '192.0.2.7', 'leads elsewhere'],
    ['silent.example.net', '192.0.2.7', 'no answer'],
  ])('%s for %s: %s', async (name, address, verdict) => {
    expect(await look(name, address)).toBe(verdict)
  })

  it('is not waited for by whoever was told to stop', async () => {
    const abort = new AbortController()
    const asked = createForwardLook({ servers: [dns.address] })(
      'silent.example.net',
      '192.0.2.7',
      abort.signal,
    )
    abort.abort(new Error('no longer wanted'))
    await expect(asked).rejects.toThrow('no longer wanted')
  })
})

describe('A connection that looks where names lead', () => {
  let app: TestApp
  let dns: NameServer
  const books = memoryIpam({ pools: { main: '10.0.0.0/24' } })

  beforeAll(async () => {
    dns = await startNameServer()
    app = await startTestApp({
      work: false,
      nameServers: [dns.address],
      ipamDrivers: { memory: () => books },
    })
    for (const forwardCheck of ['off', 'warn', 'enforce'] as const) {
      await app.desk.connections.add(admin, {
        name: forwardCheck,
        driver: 'memory',
        options: { forwardCheck },
      })
      await app.desk.servers.add(admin, { name: forwardCheck, panel: 'none', connection: forwardCheck })
    }
  })
  afterAll(async () => {
    await app.shutDown()
    await dns.stop()
  })

  async function send(event: Parameters<typeof app.intake.accept>[0][number]) {
    const [receipt] = await app.intake.accept([event], 'http')
    const id = receipt?.operations[0] ?? ''
    await app.runner.run(id)
    const { state, error, steps } = await app.desk.operations.show(id)
    return { id, state, code: error?.code, steps: steps.map(step => `${step.name}: ${step.outcome}`) }
  }
  const create = (id: string, server: string) => send(events.created({ id, server }))
  const ptrOf = async (service: string) => (await app.desk.services.show(admin, service)).addresses[0]?.ptr
  const addressOf = async (service: string) =>
    (await app.desk.services.show(admin, service)).addresses[0]?.address ?? ''

  it('off: does not look', async () => {
    const { steps } = await create('a', 'off')
    expect(steps.join()).not.toContain('look where the name leads')
    expect(await ptrOf('a')).toBe('a.example.net')
  })

  it('warn: notes it with the operation, and writes the name all the same', async () => {
    expect((await create('b', 'warn')).steps).toContain('look where the name leads: leads elsewhere')
    expect(await ptrOf('b')).toBe('b.example.net')
    const change = await send(events.ptrChanged(await addressOf('b'), 'other.example.net', { service: 'b' }))
    expect(change).toMatchObject({
      state: 'done',
      steps: expect.arrayContaining(['look where the name leads: leads elsewhere']),
    })
  })

  it('enforce: gives the address without a name that leads elsewhere', async () => {
    expect(await create('c', 'enforce')).toMatchObject({ state: 'done' })
    expect(await ptrOf('c')).toBeNull()
    expect(books.records.get(await addressOf('c'))?.ptr).toBeUndefined()
  })

  it('enforce: refuses a change to such a name, until DNS has it', async () => {
    const address = await addressOf('c')
    const change = await send(events.ptrChanged(address, 'c.example.net', { service: 'c' }))
    expect(change).toMatchObject({ state: 'failed', code: 'ptr_not_confirmed' })
    expect(books.records.get(address)?.ptr).toBeUndefined()
    dns.names.set('c.example.net', [address])
    await app.desk.operations.retry(admin, change.id)
    await app.runner.run(change.id)
    expect(books.records.get(address)?.ptr).toBe('c.example.net')
    expect(await ptrOf('c')).toBe('c.example.net')
  })

  it('enforce: removes a name without asking', async () => {
    const address = await addressOf('c')
    expect(await send(events.ptrChanged(address, null, { service: 'c' }))).toMatchObject({ state: 'done' })
    expect(books.records.get(address)?.ptr).toBeUndefined()
  })

  it('takes no other word', async () => {
    const input = { name: 'odd', driver: 'memory', options: { forwardCheck: 'perhaps' } }
    await expect(app.desk.connections.add(admin, input as never)).rejects.toMatchObject({
      code: 'invalid_request',
      faults: [{ pointer: '/options/forwardCheck' }],
    })
  })
})
