import type { PanelDriver } from '../../src/panels/driver.ts'
import { admin } from '../helpers/api.ts'
import { startTestApp } from '../helpers/app.ts'
import { billAccounts, startIpmanager } from '../helpers/ipmanager.ts'
import { type Received, startReceiver } from '../helpers/receiver.ts'
import { until } from '../helpers/until.ts'
import type { Subject } from './subject.ts'

export type World = Awaited<ReturnType<typeof startWorld>>

/** A hosting company: billing that is told by webhook, an IPmanager, one server with the panel, one without any. */
export async function startWorld(subject: Subject) {
  const panel = await subject.start()
  const ipmanager = await startIpmanager()
  const billing = await startReceiver()
  /** How often setting up still goes wrong. */
  let failures = 0

  const troubled = (driver: PanelDriver): PanelDriver => ({
    ...driver,
    async configure(service, address, signal) {
      if (failures > 0) {
        failures -= 1
        panel.failNext()
      }
      return driver.configure(service, address, signal)
    },
  })

  const app = await startTestApp({
    env: { PORT: '0' },
    panelDrivers: { [panel.server.panel]: server => troubled(panel.factory(server)) },
  })
  await app.desk.connections.add(admin, {
    name: 'ipm',
    driver: 'ipmanager',
    url: ipmanager.url,
    ...billAccounts,
    options: { networks: [{ cidr: '203.0.113.0/24', gateway: '203.0.113.1' }] },
  })
  await app.desk.servers.add(admin, { name: 'node1', connection: 'ipm', ...panel.server })
  await app.desk.servers.add(admin, { name: 'old-node', connection: 'ipm', panel: 'none' })
  await app.desk.webhooks.add(admin, { name: 'billing', url: billing.url, allowPrivate: true })

  const service = (id: string) => app.desk.services.show(admin, id)

  return {
    app,
    panel,
    ipmanager,
    service,

    /** Sends what billing has to say, and waits until all of it is done. */
    async tell(...inputs: object[]): Promise<void> {
      const receipts = await app.intake.accept(inputs, 'http')
      const operations = receipts.flatMap(receipt => receipt.operations)
      await until(
        'all of it is done',
        async () => {
          const views = await Promise.all(operations.map(id => app.desk.operations.show(id)))
          const failed = views.find(view => view.state === 'failed')
          if (failed) throw new Error(`${failed.kind} failed: ${failed.error?.message}`)
          return views.every(view => view.state === 'done')
        },
        60_000,
      )
    },

    /** Lets the next attempts to set a guest up, or to add an address, go wrong. */
    failToConfigure(times: number): void {
      failures = times
    },

    /** How often it was tried to configure a service's first address: failures of a server are seen by operators. */
    async triesOf(id: string): Promise<number> {
      const { items } = await app.desk.operations.list({ service: id, kind: 'allocate', limit: 10 })
      const { steps } = await app.desk.operations.show(items.at(-1)?.id ?? '')
      return steps.filter(({ name }) => name === 'configure').length
    },

    /** The addresses that a service has, by slot. */
    async addressesOf(id: string): Promise<Record<string, string>> {
      const { addresses } = await service(id)
      return Object.fromEntries(addresses.map(({ slot, address }) => [slot, address ?? '']))
    },

    /** What billing has been told of a service, once it is that much. */
    async told(id: string, count: number): Promise<Received['event'][]> {
      const about = () => billing.received.map(({ event }) => event).filter(event => event.subject === id)
      await until(`billing was told ${count} things of ${id}`, () => about().length >= count, 60_000)
      return about()
    },

    async end(): Promise<void> {
      await app.shutDown()
      await Promise.all([panel.stop(), ipmanager.stop(), billing.stop()])
    },
  }
}
