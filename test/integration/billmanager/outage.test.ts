import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { type BillmanagerHost, pythonMissing, startBillmanagerHost } from '../../helpers/billmanager.ts'
import { startProxy } from '../../helpers/proxy.ts'
import { until } from '../../helpers/until.ts'

/** How many events are spooled; docs/reference/performance.md has the figures for 10,000. */
const size = Number(process.env['IPBRIDGE_SPOOLED_EVENTS'] ?? 1_000)
/** Half of them are closed in the end. */
const serviceCount = size / 25
const patienceMs = 60_000 + size * 60
/** Of so many notes one is written by the real handler; all others as it would have written them. */
const handlerEvery = 100

describe.skipIf(queueMissing || pythonMissing)('Events of BILLmanager while ipbridge is away', () => {
  let app: TestApp
  let host: BillmanagerHost
  let services: { id: string; row: string; address: string }[]

  beforeAll(async () => {
    app = await startTestApp({ env: { PORT: '0' } })
    await app.desk.pools.add(admin, { name: 'v4', cidr: '10.0.0.0/16', connection: 'builtin' })
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
    host = await startBillmanagerHost()
    const { billing } = host.panel
    const ids = billing.fill(
      Array.from({ length: serviceCount }, (_, n) => ({
        domain: `s${n}.example.net`,
        slots: [{ name: `10.0.${1 + (n >> 8)}.${n & 255}`, domain: `s${n}.example.net`, main: true }],
      })),
    )
    services = ids.map(id => ({
      id,
      row: billing.slots(id)[0]?.id ?? '',
      address: billing.slots(id)[0]?.name ?? '',
    }))
    await app.desk.billings.add(admin, {
      ...{ name: 'bill', kind: 'billmanager', url: host.panel.url },
      ...{ login: 'ipbridge', password: 'ipbridge-password' },
    })
    const core = await app.desk.billings.core('bill')
    const { signal } = new AbortController()
    const list = core.services(() => undefined, signal)
    const counts = await app.desk.imports.run(admin, list, { dryRun: false, signal })
    expect(counts).toMatchObject({ newServices: serviceCount, newAddresses: serviceCount })
  }, 60_000)
  afterAll(async () => {
    await host?.stop()
    await app?.shutDown()
  })

  const lastName = (service: number) => `last-of-${service}.example.net`

  /** What the panel's handlers note in an outage: renamings, and at the end half of the services are closed. */
  async function fillSpool(): Promise<void> {
    const began = BigInt(Date.now() + 1) * 1_000_000n
    const writing: Promise<void>[] = []
    for (let n = 0; n < size; n++) {
      const service = n % serviceCount
      const { id = '', row = '' } = services[service] ?? {}
      const isLast = n >= size - serviceCount
      const closes = isLast && service % 2 === 1
      const name = isLast ? lastName(service) : `n${n}.example.net`
      const note = closes
        ? { func: 'service.postclose', elid: id, plid: '', domain: '' }
        : { func: 'service.ip.edit', elid: row, plid: id, domain: name }
      const text = [...Object.entries(note), ['user', 'root']]
        .map(([key, value]) => `${key}=${value}\0`)
        .join('')
      const file = join(host.spool, 'new', `${began + BigInt(n) * 1_000n}-${1000 + n}`)
      writing.push(writeFile(file, text))
      if (n % 500 === 0) await Promise.all(writing)
    }
    await Promise.all(writing)
  }

  it(
    `arrive once in effect, and in order, although everybody is killed: ${size} of them`,
    async () => {
      await fillSpool()
      // The real handler adds some; these are the latest.
      for (let n = 0; n < size / handlerEvery; n++) {
        const env = {
          PATH: '/usr/bin:/bin',
          PARAM_func: 'service.postclose',
          PARAM_sok: 'ok',
          PARAM_elid: services[1]?.id,
          AUTH_USER: 'root',
        }
        expect(spawnSync(host.handler, { input: '<doc/>', env }).status).toBe(0)
      }
      const total = size + Math.ceil(size / handlerEvery)

      // Nobody is there: what happened is looked up, and kept.
      const { token } = await app.desk.tokens.add(admin, { name: 'billmanager', role: 'billing' })
      await host.configure('http://127.0.0.1:9', token)
      const alone = host.forwarder('--once')
      expect(await alone.ended).toBe(1)
      const kept = await host.spooled()
      expect([kept.new.length, kept.out.length]).toEqual([0, total])

      // ipbridge comes back, behind a line that breaks again and again; so does the forwarder.
      const server = await app.serve()
      const proxy = await startProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) })
      await host.configure(`http://127.0.0.1:${proxy.port}`, token)
      const began = performance.now()
      const stored = () => app.db.event.count({ where: { source: '/billmanager' } })
      for (let killed = 0; killed < 3; killed++) {
        const forwarder = host.forwarder()
        const before = await stored()
        await until('some have arrived', async () => (await stored()) > before || before >= total, 60_000)
        proxy.drop()
        await sleep(Math.random() * 50)
        await forwarder.stop('SIGKILL')
      }
      const forwarder = host.forwarder()
      await until('all have arrived', async () => (await host.spooled()).out.length === 0, patienceMs)
      await forwarder.stop()
      const arrived = performance.now() - began
      const open = { state: { in: ['queued', 'running', 'waiting'] } }
      await until(
        'all is done',
        async () => (await app.db.operation.count({ where: open })) === 0,
        patienceMs,
      )
      const done = performance.now() - began
      await proxy.close()
      await server.close()

      expect(await stored()).toBe(total)
      const rows = await app.db.$queryRaw<{ service: string; sequences: string[] }[]>`
      select data->>'service' as service, array_agg(sequence order by id) as sequences from event
      where source = '/billmanager' group by 1`
      expect(rows).toHaveLength(serviceCount)
      for (const { sequences } of rows) {
        expect(sequences).toEqual([...sequences].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1)))
      }
      for (const [n, { id, address }] of services.entries()) {
        const { state, addresses } = await app.desk.services.show(admin, id)
        const shown = addresses.map(one => [one.address, one.ptr])
        expect([state, shown]).toEqual(n % 2 === 1 ? ['deleted', []] : ['active', [[address, lastName(n)]]])
      }
      expect((await host.spooled()).refused).toEqual([])
      if (process.env['IPBRIDGE_SPOOLED_EVENTS']) console.log({ total, arrived, done })
    },
    3 * patienceMs,
  )
})
