import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { takeSnapshot } from '../../../src/db/snapshot.ts'
import { checkInvariants } from '../../../src/domain/invariants.ts'
import { admin } from '../../helpers/api.ts'
import { backend, queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { billAccounts, type Ipmanager, startIpmanager } from '../../helpers/ipmanager.ts'
import { panelWith } from '../../helpers/ipmanager-app.ts'
import { recoveryMs } from '../../helpers/network.ts'
import { proxyTo } from '../../helpers/proxy.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing || backend !== 'redis')(
  'The line between a worker and its IPAM',
  { timeout: 60_000 },
  () => {
    let panel: Ipmanager
    let proxy: Awaited<ReturnType<typeof proxyTo>>
    let app: TestApp
    let services = 0

    beforeAll(async () => {
      panel = await startIpmanager(panelWith('198.18.0.0/22'))
      proxy = await proxyTo(panel.url)
      app = await startTestApp()
      await app.desk.connections.add(admin, {
        name: 'ipm',
        driver: 'ipmanager',
        url: proxy.url,
        ...billAccounts,
        options: { timeoutSeconds: 1 },
      })
      await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'ipm' })
    })
    beforeEach(() => proxy.mend())
    afterEach(async () => {
      await proxy.mend()
      proxy.drop()
    })
    afterAll(async () => {
      await app.shutDown()
      await proxy.close()
      await panel.stop()
    })

    const grants = () => panel.books.history().filter(entry => entry.what === 'granted').length

    async function order(count: number): Promise<string[]> {
      const batch = Array.from({ length: count }, () => events.created({ id: `far-${++services}` }))
      return (await app.intake.accept(batch, 'http')).flatMap(receipt => receipt.operations)
    }

    /** Each service has its address, each address was granted once, and both sides agree. */
    async function converged(operations: string[]): Promise<void> {
      await until(
        'all operations are done',
        async () =>
          (await app.db.operation.count({ where: { id: { in: operations }, state: 'done' } })) ===
          operations.length,
        recoveryMs,
      )
      expect(grants()).toBe(services)
      // The judge looks through the same line.
      expect(checkInvariants(await takeSnapshot(app.db, app.ipams.driver), { quiet: true })).toEqual([])
    }

    it.each([
      ['is cut', () => proxy.cut()],
      ['loses what we ask', () => proxy.swallow('requests')],
      ['loses what the IPAM answers', () => proxy.swallow('answers')],
      ['is frozen', () => proxy.freeze()],
    ])('that %s costs time only, and no address', async (_, begin) => {
      const before = grants()
      const operations = await order(20)
      await until('the worker is at it', () => grants() > before)
      begin()
      await until('some have been tried in vain', async () =>
        app.db.operation.count({ where: { id: { in: operations }, errorCode: { not: null } } }),
      )
      await proxy.mend()
      await converged(operations)
    })

    it('that is slow and narrow costs time only', async () => {
      proxy.slow({ latencyMs: 20, bytesPerSecond: 50_000, sliceBytes: 500 })
      await converged(await order(10))
    })

    it.each([0, 40, 250])(
      'that is reset after %d bytes of the answer to a request has the grant found again',
      async after => {
        const sprung = proxy.resetAnswer({ to: 'func=ip.edit', after })
        const operations = await order(5)
        await sprung
        await converged(operations)
      },
    )
  },
)
