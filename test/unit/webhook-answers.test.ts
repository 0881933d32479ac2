import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { sendWebhook } from '../../src/billing/webhook.ts'
import { outgoingEvent } from '../../src/domain/delivery.ts'

const event = outgoingEvent({ uid: 'u', type: 'address.assigned', service: 's', data: {}, at: new Date(0) })

describe('A webhook', () => {
  let server: Server
  afterEach(() => void server.close())

  /** Sends to somebody who answers with exactly these bytes. */
  async function sendTo(answer: string) {
    server = createServer(socket => socket.on('error', () => {}).once('data', () => socket.end(answer)))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const subscriber = { id: '1', name: 'w', kind: 'webhook', url, login: undefined, secrets: [], tls: {} }
    const whole = { ...subscriber, options: {}, allowPrivate: true, updatedAt: new Date(0) }
    return sendWebhook(whole, event, AbortSignal.timeout(10_000))
  }

  it.each([
    ['says more than it announced', 'HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\nbut here is more'],
    ['has two answers', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'],
  ])('whose receiver %s is delivered, and harms nobody', async (_, answer) => {
    // What nobody listens to ends the process; here it would fail the run.
    for (let n = 0; n < 20; n++) expect(await sendTo(answer)).toMatchObject({ outcome: 'delivered' })
  })

  it('whose receiver speaks no HTTP has failed', async () => {
    expect(await sendTo('220 mail.example.net ESMTP\r\n')).toMatchObject({ outcome: 'failed' })
  })
})
