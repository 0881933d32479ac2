import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { admin, furnish } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { type Receiver, startReceiver } from '../../helpers/receiver.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('A webhook', () => {
  let app: TestApp
  let receiver: Receiver
  let secret: string
  let count = 0
  let name: string

  beforeAll(async () => {
    app = await startTestApp()
    await furnish(app, '10.20.0.0/16')
  })
  afterAll(() => app.shutDown())

  beforeEach(async () => {
    receiver = await startReceiver()
    name = `hook-${++count}`
    const input = { name, url: receiver.url, allowPrivate: true }
    secret = (await app.desk.webhooks.add(admin, input)).secret
  })
  afterEach(async () => {
    await app.desk.webhooks.remove(admin, name)
    await receiver.stop()
  })

  const create = (id: string) => app.intake.accept([events.created({ id })], 'api')
  const arrived = (n: number) => until(`${n} messages arrived`, () => receiver.received.length >= n)
  const log = async () => (await app.desk.webhooks.deliveries(name, {})).items

  /** As if the pause before the next try were over. */
  const hurry = () => app.db.$executeRaw`update delivery set next_at = now() where state = 'pending'`

  it('is told of an assignment in a CloudEvent that it can verify', async () => {
    await create('w1')
    await arrived(1)
    const [{ headers, body, event }] = receiver.received as [(typeof receiver.received)[0]]
    expect(event).toMatchObject({
      type: 'address.assigned',
      subject: 'w1',
      data: { service: 'w1', slot: 'main' },
    })
    expect(headers['webhook-id']).toBe(event.id)
    expect(() => new Webhook(secret).verify(body, headers as Record<string, string>)).not.toThrow()
  })

  it('hears nothing of what happened before it was there', async () => {
    await create('w2')
    await arrived(1)
    expect(receiver.received.map(({ event }) => event.subject)).toEqual(['w2'])
  })

  it('hears only of the types that it asked for', async () => {
    await app.desk.webhooks.change(admin, name, { types: ['address.released'] })
    await create('w3')
    await until('w3 has its address', async () =>
      (await app.desk.services.show(admin, 'w3')).addresses.some(({ state }) => state === 'active'),
    )
    await app.intake.accept([events.deleted('w3')], 'api')
    await arrived(1)
    expect(receiver.received.map(({ event }) => event.type)).toEqual(['address.released'])
  })

  it('is told again until it answers, under the same id', async () => {
    receiver.behaviour.answer = (response, _received, n) => void response.writeHead(n < 3 ? 500 : 200).end()
    await create('w4')
    for (const n of [1, 2]) {
      await until(`try ${n} is in the log`, async () => (await log())[0]?.tries.length === n)
      await hurry()
    }
    await until('it is delivered', async () => (await log())[0]?.state === 'delivered')
    expect(new Set(receiver.received.map(({ event }) => event.id)).size).toBe(1)
    const [entry] = await log()
    expect(entry?.tries.map(({ outcome, status }) => [outcome, status])).toEqual([
      ['failed', 500],
      ['failed', 500],
      ['delivered', 200],
    ])
  })

  it('is told of one service in order, however long the first message takes', async () => {
    receiver.behaviour.answer = (response, _received, n) => void response.writeHead(n === 1 ? 503 : 200).end()
    await create('w5')
    await arrived(1)
    await app.intake.accept([events.deleted('w5')], 'api')
    await create('w5-other')
    await until('the other service has overtaken', () =>
      receiver.received.some(({ event }) => event.subject === 'w5-other'),
    )
    await until('the release waits in its line', async () =>
      (await log()).some(({ type, state }) => type === 'address.released' && state === 'pending'),
    )
    await hurry()
    await until('both have arrived', async () => (await log()).every(({ state }) => state === 'delivered'))
    const types = receiver.received
      .filter(({ event }) => event.subject === 'w5')
      .map(({ event }) => event.type)
    expect(types).toEqual(['address.assigned', 'address.assigned', 'address.released'])
  })

  it('waits as long as the receiver asks', async () => {
    receiver.behaviour.answer = response => void response.writeHead(429, { 'retry-after': '3600' }).end()
    await create('w6')
    await until('the try is in the log', async () => (await log())[0]?.tries.length === 1)
    const [entry] = await log()
    expect(Number(entry?.nextAt)).toBeGreaterThan(Date.now() + 3_500_000)
  })

  it('is disabled when it answers 410, and what waited is sent when it is enabled again', async () => {
    receiver.behaviour.answer = response => void response.writeHead(410).end()
    await create('w7')
    await until('it is disabled', async () => (await app.desk.webhooks.show(name)).state === 'disabled')
    const [entry] = (await app.desk.journals.audit({ subject: `webhook:${name}` })).items
    expect(entry).toMatchObject({ actor: 'ipbridge', action: 'webhook.disable' })
    expect((await app.desk.webhooks.show(name)).disabledReason).toContain('410')

    receiver.behaviour.answer = response => void response.writeHead(200).end()
    await app.desk.webhooks.change(admin, name, { state: 'active' })
    await hurry()
    await until('it is delivered', async () => (await log())[0]?.state === 'delivered')
  })

  it('fails for good after ten tries, and the next message is sent', async () => {
    receiver.behaviour.answer = response => void response.writeHead(500).end()
    await create('w8')
    await until('the first try is in the log', async () => (await log())[0]?.tries.length === 1)
    await app.db.$executeRaw`update delivery set attempts = 9, next_at = now() where state = 'pending'`
    await until('it has failed', async () => (await log())[0]?.state === 'failed')
    receiver.behaviour.answer = response => void response.writeHead(200).end()
    await app.intake.accept([events.deleted('w8')], 'api')
    await until('the release has arrived', async () =>
      (await log()).some(({ type, state }) => type === 'address.released' && state === 'delivered'),
    )
    expect(await app.desk.webhooks.replay(admin, name, { failed: true })).toEqual({ messages: 1 })
    await until('the failed one has arrived too', async () =>
      (await log()).every(({ state }) => state === 'delivered'),
    )
  })

  it('gets messages once more that were written before it was there', async () => {
    const since = new Date(Date.now() - 3_600_000).toISOString()
    const { messages } = await app.desk.webhooks.replay(admin, name, { since })
    expect(messages).toBeGreaterThan(5)
    await arrived(messages)
    const ofW8 = receiver.received.filter(({ event }) => event.subject === 'w8')
    expect(ofW8.map(({ event }) => event.type)).toEqual(['address.assigned', 'address.released'])
  })

  it('knows messages by two secrets while they are changed over', async () => {
    const rotated = await app.desk.webhooks.rotate(admin, name)
    expect(rotated.secret).not.toBe(secret)
    await app.desk.webhooks.test(name, AbortSignal.timeout(10_000))
    const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]]
    for (const known of [secret, rotated.secret]) {
      expect(() => new Webhook(known).verify(body, headers as Record<string, string>)).not.toThrow()
    }
    await app.db.subscriber.update({ where: { name }, data: { oldSecretUntil: new Date(0) } })
    await app.desk.webhooks.test(name, AbortSignal.timeout(10_000))
    const last = receiver.received.at(-1)
    expect(String(last?.headers['webhook-signature']).split(' ')).toHaveLength(1)
  })

  it('is not reached in a private network unless that was allowed', async () => {
    await app.desk.webhooks.change(admin, name, { allowPrivate: false })
    const result = await app.desk.webhooks.test(name, AbortSignal.timeout(10_000))
    expect(result).toMatchObject({
      outcome: 'failed',
      detail: '127.0.0.1 is in a private network: set allowPrivate if it shall be reached',
    })
    await app.desk.webhooks.change(admin, name, { url: receiver.url.replace('127.0.0.1', 'localhost') })
    const byName = await app.desk.webhooks.test(name, AbortSignal.timeout(10_000))
    expect(byName.detail).toContain('in a private network')
    expect(receiver.received).toEqual([])
  })

  it('is not followed to where it redirects', async () => {
    receiver.behaviour.answer = response =>
      void response.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end()
    const result = await app.desk.webhooks.test(name, AbortSignal.timeout(10_000))
    expect(result).toMatchObject({ outcome: 'failed', status: 302, detail: 'redirects are not followed' })
  })

  it('may answer with as much as it likes, and we read only some of it', async () => {
    receiver.behaviour.answer = response => void response.writeHead(200).end('x'.repeat(5_000_000))
    const result = await app.desk.webhooks.test(name, AbortSignal.timeout(10_000))
    expect(result.outcome).toBe('delivered')
  })
})
