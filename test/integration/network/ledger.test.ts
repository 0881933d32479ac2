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
import { until } from '../../helpers/until.ts'

const connections = 5

// Where the queue rides in PostgreSQL, its connections have the same faults.
describe.skipIf(queueMissing)('The line between a worker and PostgreSQL', { timeout: 60_000 }, () => {
  let bed: NetworkBed
  let proxy: Awaited<ReturnType<typeof proxyTo>>
  let worker: Joined

  beforeAll(async () => {
    bed = await startNetworkBed()
  })
  beforeEach(async () => {
    proxy = await proxyTo(bed.app.database.url)
    worker = await bed.join({ DATABASE_URL: proxy.url }, { databaseConnections: connections })
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
    ['loses what PostgreSQL says', () => proxy.swallow('answers')],
    ['is frozen', () => proxy.freeze()],
  ])('that %s costs time only', async (_, begin) => {
    const operations = await bed.inTheMiddleOf(30)
    begin()
    await until('the worker has noticed', () => worker.warnings().length > 0, silenceMs * 4)
    await proxy.mend()
    expect(await bed.converged(operations)).toBeLessThan(recoveryMs)
    expect(worker.mostOfOneWarning()).toBe(1)
    if (backend === 'redis') expect(proxy.connections).toBeLessThanOrEqual(connections)
  })

  it.skipIf(backend === 'postgres')(
    'that is slow, and brings answers in pieces, costs time only',
    async () => {
      proxy.slow({ latencyMs: 20, sliceBytes: 500 })
      expect(await bed.converged(await bed.order(30))).toBeLessThan(recoveryMs)
      expect(worker.warnings()).toEqual([])
    },
  )

  it.skipIf(backend === 'postgres').each([
    ['a claim', 'with mine as'],
    ['a reservation', '"assignmentId" uuid'],
    ['an ending', 'with input as'],
  ])(
    'that is reset in the answer to %s leaves it open whether it was done, and that is found out',
    async (_, to) => {
      const sprung = proxy.resetAnswer({ to, after: 5 })
      const operations = await bed.order(5)
      await sprung
      await bed.converged(operations)
      expect(bed.ipam.records.size).toBe(await bed.app.db.assignment.count())
    },
  )
})
