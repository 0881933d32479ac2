import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { admin, furnish } from '../../helpers/api.ts'
import { backend, queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { proxyTo } from '../../helpers/proxy.ts'
import { type Receiver, startReceiver } from '../../helpers/receiver.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing || backend !== 'redis')(
  'The line between a worker and who is told by webhook',
  { timeout: 60_000 },
  () => {
    let app: TestApp
    let far: Receiver
    let near: Receiver
    let proxy: Awaited<ReturnType<typeof proxyTo>>
    let services = 0

    beforeAll(async () => {
      app = await startTestApp()
      await furnish(app)
      far = await startReceiver()
      near = await startReceiver()
      proxy = await proxyTo(far.url)
      await app.desk.webhooks.add(admin, { name: 'far', url: proxy.url, allowPrivate: true })
      await app.desk.webhooks.add(admin, { name: 'near', url: near.url, allowPrivate: true })
    })
    beforeEach(() => {
      far.received.length = 0
      near.received.length = 0
    })
    afterEach(() => proxy.mend())
    afterAll(async () => {
      await app.shutDown()
      await proxy.close()
      await Promise.all([far.stop(), near.stop()])
    })

    const create = async () => {
      const id = `told-${++services}`
      await app.intake.accept([events.created({ id })], 'api')
      return id
    }
    const tries = async () => (await app.desk.webhooks.deliveries('far', {})).items[0]?.tries ?? []
    /** As if the pause before the next try were over. */
    const hurry = () => app.db.$executeRaw`update delivery set next_at = now() where state = 'pending'`
    const heardBy = (receiver: Receiver) => receiver.received.map(({ event }) => event.subject)

    it('that is cut has the message told again when it is mended', async () => {
      proxy.cut()
      const id = await create()
      await until('it was tried in vain', async () => (await tries()).length > 0)
      await proxy.mend()
      await hurry()
      await until('it is told', () => far.received.length > 0)
      expect(heardBy(far)).toEqual([id])
    })

    it('that is frozen holds up nobody else', async () => {
      proxy.freeze()
      const ids = [await create(), await create()]
      await until('the other has heard of both', () => near.received.length === 2)
      expect([heardBy(near).sort(), heardBy(far)]).toEqual([ids.sort(), []])
      proxy.thaw()
      await until('this one hears of both', () => far.received.length === 2)
    })

    it('that is reset in the answer has the message told again under the same id', async () => {
      const sprung = proxy.resetAnswer({ after: 5 })
      await create()
      await sprung
      await until('the try has failed', async () => (await tries()).length === 1)
      await hurry()
      await until('it is told again', () => far.received.length === 2)
      expect(new Set(far.received.map(({ event }) => event.id)).size).toBe(1)
    })

    it('that is slow brings every message all the same', async () => {
      proxy.slow({ latencyMs: 50, sliceBytes: 20 })
      const ids = [await create(), await create(), await create()]
      await until('all are told', () => far.received.length === 3)
      expect(heardBy(far).sort()).toEqual(ids.sort())
    })
  },
)
