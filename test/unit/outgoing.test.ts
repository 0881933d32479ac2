import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sendWebhook } from '../../src/billing/webhook.ts'
import type { OutgoingEvent } from '../../src/domain/delivery.ts'

describe('A webhook', () => {
  let port: number
  let asked = 0
  const server = createServer((_, response) => {
    asked += 1
    response.end()
  })
  beforeAll(async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => new Promise(resolve => server.close(resolve)))

  const event: OutgoingEvent = {
    specversion: '1.0',
    id: 'e1',
    source: '/ipbridge',
    type: 'address.assigned',
    time: '2026-01-01T00:00:00Z',
    timestamp: '2026-01-01T00:00:00Z',
    datacontenttype: 'application/json',
    data: {},
  }
  function send(host: string, allowPrivate = false) {
    const subscriber = {
      id: 's1',
      name: 'hook',
      kind: 'webhook',
      url: `http://${host}:${port}/hook`,
      login: undefined,
      secrets: ['whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz'],
      allowPrivate,
      tls: {},
      options: {},
      updatedAt: new Date(0),
    }
    return sendWebhook(subscriber, event, AbortSignal.timeout(10_000))
  }

  // Spellings of this machine, and of where clouds keep the credentials of their machines.
  it.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    '169.254.169.254',
    '[::ffff:a9fe:a9fe]',
    '[fd00:ec2::254]',
    // A name is judged by the addresses that the connection then uses: it cannot lead elsewhere in between.
    'localhost',
    'LOCALHOST',
  ])('does not reach %s', async host => {
    const before = asked
    const delivered = await send(host)
    expect(delivered).toMatchObject({
      outcome: 'failed',
      detail: expect.stringMatching(/in a private network/),
    })
    expect(asked).toBe(before)
  })

  it('reaches it where that was allowed', async () => {
    const before = asked
    expect(await send('localhost', true)).toMatchObject({ outcome: 'delivered' })
    expect(asked).toBe(before + 1)
  })
})
