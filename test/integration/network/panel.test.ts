import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { GuestPanel } from '../../../src/simulators/guests/start.ts'
import { startVmmanager5 } from '../../../src/simulators/vmmanager5/start.ts'
import { admin } from '../../helpers/api.ts'
import { backend, queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { recoveryMs } from '../../helpers/network.ts'
import { proxyTo } from '../../helpers/proxy.ts'
import { until } from '../../helpers/until.ts'

// How long an answer may take is the same for panels as for IPAMs, and shown there.
describe.skipIf(queueMissing || backend !== 'redis')(
  'The line between a worker and a panel',
  { timeout: 60_000 },
  () => {
    let panel: GuestPanel
    let proxy: Awaited<ReturnType<typeof proxyTo>>
    let app: TestApp

    beforeAll(async () => {
      panel = await startVmmanager5()
      proxy = await proxyTo(panel.url)
      app = await startTestApp()
      await app.desk.pools.add(admin, { name: 'v4', cidr: '192.0.2.0/24', connection: 'builtin' })
      await app.desk.servers.add(admin, {
        name: 'node1',
        panel: 'vmmanager5',
        url: proxy.url,
        login: 'admin',
        password: 'panel-password',
        connection: 'builtin',
        options: { setup: { preset: 'KVM-1', vmi: 'Debian-12' }, patienceSeconds: 0 },
      })
    })
    afterEach(() => proxy.mend())
    afterAll(async () => {
      await app.shutDown()
      await proxy.close()
      await panel.stop()
    })

    /** The service has one guest, which has its address. */
    async function setUp(service: string): Promise<void> {
      const { address, guest } = await until(
        `${service} is set up`,
        async () => {
          const { guest, addresses } = await app.desk.services.show(admin, service)
          const [main] = addresses.filter(({ state }) => state === 'active')
          return main && guest ? { address: main.address, guest } : undefined
        },
        recoveryMs,
      )
      const theirs = panel.books
        .guests()
        .filter(({ addresses }) => addresses.some(({ ip }) => ip === address))
      expect(theirs.map(({ id }) => id)).toEqual([guest])
      expect(panel.books.guests()).toHaveLength(await app.db.service.count())
    }

    it.each([
      ['is cut', () => proxy.cut()],
      ['is frozen, and dropped later', () => proxy.freeze()],
    ])('that %s costs time only, and no second guest', async (_, begin) => {
      const id = `panel-${await app.db.service.count()}`
      let wasAsked = false
      proxy.when('func=vm.edit', () => {
        wasAsked = true
        begin()
      })
      await app.intake.accept([events.created({ id })], 'http')
      await until('the panel is asked for a guest', () => wasAsked)
      proxy.drop()
      await proxy.mend()
      await setUp(id)
    })

    it.each([0, 40])(
      'that is reset after %d bytes of the answer to the making of a guest has that guest found',
      async after => {
        const id = `panel-${await app.db.service.count()}`
        const sprung = proxy.resetAnswer({ to: 'func=vm.edit', after })
        await app.intake.accept([events.created({ id })], 'http')
        await sprung
        await setUp(id)
      },
    )
  },
)
