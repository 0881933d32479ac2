import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, event } from '../../src/client.ts'
import { admin, furnish } from '../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'

describe.skipIf(queueMissing)('The client for TypeScript billing cores', () => {
  let app: TestApp
  let server: Awaited<ReturnType<TestApp['serve']>>
  let token: string

  beforeAll(async () => {
    app = await startTestApp({ env: { PORT: '0' } })
    server = await app.serve()
    await furnish(app)
    token = (await app.desk.tokens.add(admin, { name: 'client', role: 'billing' })).token
  })
  afterAll(async () => {
    await server.close()
    await app.shutDown()
  })

  const service = (id: string) => ({
    service: { id, kind: 'vps', client: 'c1', domain: `${id}.example.net`, server: 'node1' },
  })

  it('sends an event, waits for its address, and finds it again', async () => {
    const client = createClient({ url: server.url, token })
    const sent = event('service.created', '/billing/test', service('k1'))
    const { events } = await client.send(sent, { wait: 30 })
    const address = events[0]?.addresses?.[0]?.address ?? ''
    expect(events[0]).toMatchObject({ status: 'accepted', state: 'done' })
    expect((await client.service('k1'))?.addresses.map(a => a.address)).toEqual([address])
    expect(await client.address(address)).toMatchObject({ service: 'k1', ptr: 'k1.example.net' })
    expect((await client.send(sent)).events[0]?.status).toBe('duplicate')
  })

  it('says what was wrong with which field', async () => {
    const client = createClient({ url: server.url, token })
    const bad = event('ip.cancelled', '/billing/test', { service: 'k1', address: '192.0.2.300' })
    await expect(client.send(bad)).rejects.toMatchObject({
      code: 'invalid_event',
      status: 422,
      errors: [{ pointer: '/data/address' }],
    })
  })

  it('gives nothing for what ipbridge does not know', async () => {
    const client = createClient({ url: server.url, token })
    expect(await client.service('nobody')).toBeUndefined()
    expect(await client.address('192.0.2.200')).toBeUndefined()
  })

  it('sends an event again when its answer was lost, and nothing happens twice', async () => {
    let requests = 0
    const loser = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const passed = await fetch(`${server.url}${request.url}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: Buffer.concat(chunks),
      })
      const body = await passed.text()
      requests += 1
      if (requests === 1) response.destroy()
      else response.writeHead(passed.status, { 'content-type': 'application/json' }).end(body)
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => loser.once('listening', resolve))
    const url = `http://127.0.0.1:${(loser.address() as AddressInfo).port}`
    const client = createClient({ url, token })
    const receipt = await client.send(event('service.created', '/billing/test', service('k2')))
    expect(receipt).toMatchObject({ accepted: 0, duplicates: 1 })
    loser.close()
    expect(requests).toBe(2)
  })

  it('says so when ipbridge cannot be reached', async () => {
    const client = createClient({ url: 'http://127.0.0.1:1', token, tries: 1 })
    await expect(client.service('k1')).rejects.toMatchObject({ code: 'unreachable', status: 0 })
  })
})
