import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createApi } from '../../../src/api/app.ts'
import { admin } from '../../helpers/api.ts'
import { backend, queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { type Joined, type NetworkBed, silenceMs, startNetworkBed } from '../../helpers/network.ts'
import { proxyTo } from '../../helpers/proxy.ts'
import { until } from '../../helpers/until.ts'

const connections = 5

describe.skipIf(queueMissing || backend !== 'redis')(
  'The line between the API and PostgreSQL',
  { timeout: 60_000 },
  () => {
    let bed: NetworkBed
    let proxy: Awaited<ReturnType<typeof proxyTo>>
    let joined: Joined
    let api: Awaited<ReturnType<typeof createApi>>
    let worker: Joined
    let token: string

    beforeAll(async () => {
      bed = await startNetworkBed()
      worker = await bed.join({})
      token = (await bed.app.desk.tokens.add(admin, { name: 'billing', role: 'billing' })).token
    })
    beforeEach(async () => {
      proxy = await proxyTo(bed.app.database.url)
      joined = await bed.join({ DATABASE_URL: proxy.url }, { work: false, databaseConnections: connections })
      api = await createApi(joined)
    })
    afterEach(async () => {
      await proxy.mend()
      await api.close()
      await joined.shutDown()
      await until('no connection is left', () => proxy.connections === 0)
      await proxy.close()
    })
    afterAll(async () => {
      await worker.shutDown()
      await bed.shutDown()
    })

    let services = 0
    const created = () => events.created({ id: `told-${++services}` })

    /** Billing tells of an event. @returns the answer, and how long it took */
    async function tell(event: object) {
      const since = performance.now()
      const answer = await api.inject({
        method: 'POST',
        url: '/api/v1/events',
        headers: { authorization: `Bearer ${token}` },
        payload: event,
      })
      return { answer, ms: performance.now() - since }
    }

    /** What billing does with an event whose answer it did not get: the same again. It must have happened once. */
    async function tellAgain(event: { id: string }) {
      const { answer } = await tell(event)
      expect(answer.statusCode).toBe(202)
      const [receipt] = answer.json().events
      expect(receipt.operations).toHaveLength(1)
      expect(await bed.app.db.event.count({ where: { eventId: event.id } })).toBe(1)
      await bed.converged(receipt.operations)
      return receipt
    }

    it.each([
      ['is cut', () => proxy.cut()],
      ['loses what the API says', () => proxy.swallow('requests')],
      ['loses what PostgreSQL says', () => proxy.swallow('answers')],
      ['is frozen', () => proxy.freeze()],
    ])('that %s keeps no caller waiting for long: 503, and the event can be sent again', async (_, begin) => {
      await tell(created())
      const event = created()
      begin()
      const told = await Promise.all(Array.from({ length: 20 }, () => tell(event)))
      for (const { answer, ms } of told) {
        expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5'])
        // At worst it had to wait for a connection first.
        expect(ms).toBeLessThan(silenceMs * 3)
      }
      await proxy.mend()
      await tellAgain(event)
      expect(proxy.connections).toBeLessThanOrEqual(connections)
    })

    it('that is reset in the answer to a COMMIT leaves it open whether the event is stored: sent again, it is known', async () => {
      const event = created()
      const sprung = proxy.resetAnswer({ to: 'COMMIT', after: 3 })
      const { answer } = await tell(event)
      await sprung
      expect(answer.statusCode).toBe(503)
      expect(await tellAgain(event)).toMatchObject({ status: 'duplicate' })
    })

    it('that is lost before a COMMIT leaves nothing stored, and nothing locked', async () => {
      await tell(events.created({ id: 'locked' }))
      proxy.when('COMMIT', () => proxy.swallow('requests'))
      const event = events.ordered('locked', 'order-1')
      const { answer } = await tell(event)
      expect(answer.statusCode).toBe(503)
      const since = performance.now()
      const receipts = await bed.app.intake.accept([events.ordered('locked', 'order-2')], 'http')
      expect(performance.now() - since).toBeLessThan(silenceMs * 2)
      await proxy.mend()
      expect(await tellAgain(event)).toMatchObject({ status: 'accepted' })
      await bed.converged(receipts.flatMap(receipt => receipt.operations))
    })

    it('that is slow makes answers slow', async () => {
      proxy.slow({ latencyMs: 30, sliceBytes: 200 })
      const { answer } = await tell(created())
      expect(answer.statusCode).toBe(202)
    })
  },
)
