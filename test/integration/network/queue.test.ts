import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { backend, queueMissing } from '../../helpers/app.ts'
import {
  type Joined,
  type NetworkBed,
  recoveryMs,
  silenceMs,
  startNetworkBed,
} from '../../helpers/network.ts'
import { proxyTo } from '../../helpers/proxy.ts'
import { untilAborted } from '../../helpers/scripted-ipam.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing || backend !== 'redis')(
  'The line between a worker and Redis',
  { timeout: 60_000 },
  () => {
    let bed: NetworkBed
    let proxy: Awaited<ReturnType<typeof proxyTo>>
    let worker: Joined

    beforeAll(async () => {
      bed = await startNetworkBed()
    })
    beforeEach(async () => {
      proxy = await proxyTo(bed.app.env['REDIS_URL'] ?? '')
      worker = await bed.join({ REDIS_URL: proxy.url })
    })
    afterEach(async () => {
      await proxy.mend()
      await worker.shutDown()
      await until('no connection is left', () => proxy.connections === 0)
      await proxy.close()
    })
    afterAll(() => bed.shutDown())

    it.each([
      ['is cut', () => proxy.cut()],
      ['loses what the worker says', () => proxy.swallow('requests')],
      ['loses what Redis says', () => proxy.swallow('answers')],
      ['is frozen', () => proxy.freeze()],
    ])('that %s costs time only, and no event', async (_, begin) => {
      const before = await bed.inTheMiddleOf(30)
      const open = proxy.connections
      begin()
      const meanwhile = await bed.order(5, worker)
      await until('the worker has noticed', () => worker.warnings().length > 0, silenceMs * 8)
      await proxy.mend()
      expect(await bed.converged([...before, ...meanwhile])).toBeLessThan(recoveryMs)
      expect(worker.mostOfOneWarning()).toBe(1)
      expect(proxy.connections).toBeLessThanOrEqual(open)
    })

    it('that is slow, and brings answers in pieces, costs time only', async () => {
      proxy.slow({ latencyMs: 20, sliceBytes: 100 })
      expect(await bed.converged(await bed.order(30))).toBeLessThan(recoveryMs)
    })

    it.each([
      ['the wait for a job', 'bzpopmin'],
      ['the announcement of an operation', 'allocate-'],
      ['the end of a job', ':completed'],
    ])('that is reset in the answer to %s loses and repeats nothing', async (_, to) => {
      const sprung = proxy.resetAnswer({ to, after: 1 })
      const operations = await bed.order(5, worker)
      await sprung
      await bed.converged(operations)
      expect(bed.ipam.records.size).toBe(await bed.app.db.assignment.count())
    })
  },
)

describe.skipIf(queueMissing || backend !== 'redis')(
  'A worker that is cut off from PostgreSQL and Redis',
  { timeout: 60_000 },
  () => {
    let bed: NetworkBed
    beforeAll(async () => {
      bed = await startNetworkBed()
    })
    afterAll(() => bed.shutDown())

    it('in the middle of a request has its answer come to nothing: another has taken over, and finds the address', async () => {
      const ledger = await proxyTo(bed.app.database.url)
      const redis = await proxyTo(bed.app.env['REDIS_URL'] ?? '')
      const lost = await bed.join({ DATABASE_URL: ledger.url, REDIS_URL: redis.url }, { silenceMs: 60_000 })
      let [asked, givenUp] = [false, false]
      bed.ipam.playAfter(async (call, signal) => {
        if (call !== 'request' || asked) return
        asked = true
        await untilAborted(signal).catch(reason => {
          givenUp = true
          throw reason
        })
      })
      const operations = await bed.order(1)
      await until('it has asked for an address', () => asked)
      ledger.freeze()
      redis.freeze()
      const heir = await bed.join({})
      await until('it gave up', () => givenUp, silenceMs * 4)
      await bed.converged(operations)
      const before = await bed.app.db.operation.findFirstOrThrow({ where: { id: operations[0] ?? '' } })
      ledger.thaw()
      redis.thaw()
      await lost.shutDown()
      expect(await bed.app.db.operation.findFirstOrThrow({ where: { id: before.id } })).toEqual(before)
      expect(bed.ipam.calls.filter(call => call === 'request')).toHaveLength(1)
      await heir.shutDown()
      await Promise.all([ledger.close(), redis.close()])
    })
  },
)
