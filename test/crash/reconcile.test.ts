import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'
import { admin } from '../helpers/api.ts'
import { backend, startTestApp, type TestApp } from '../helpers/app.ts'
import { fillLedger } from '../helpers/books.ts'
import { until } from '../helpers/until.ts'

const count = 60_000

// What goes on where is for PostgreSQL to say: one of the two queues is enough.
describe.skipIf(backend === 'redis')('Reconciliation whose worker is killed half-way', () => {
  let app: TestApp
  let worker: ChildProcess | undefined

  beforeAll(async () => {
    app = await startTestApp({ work: false, leaseSeconds: 2 })
    await app.desk.pools.add(admin, { name: 'v4', cidr: '10.0.0.0/12', connection: 'builtin' })
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
    await fillLedger(app, { connection: 'builtin', server: 'node1', first: '10.0.0.1', count })
    await app.db.$executeRaw`
      insert into pool_address (pool_id, address, state, marker, owner, ptr)
      select p.id, a.address, 'held', 'ipb:' || a.id, a.service_id || ' main', a.ptr from assignment a, pool p`
    // Every thousandth address is free in the IPAM.
    await app.db.$executeRaw`
      delete from pool_address where (address - '10.0.0.1'::inet) % 1000 = 500`
  }, 120_000)
  afterAll(async () => {
    worker?.kill('SIGKILL')
    await app.shutDown()
  })

  it('goes on where it was, finds everything once, and makes one plan', async () => {
    const operation = await app.desk.reconciliations.start('builtin', 'operator:test')
    const main = join(packageRoot, 'dist', 'src', 'main.js')
    worker = spawn(process.execPath, [main, 'worker', '--only', 'reconcile', '--lease', '2'], {
      env: { PATH: process.env['PATH'], ...app.env },
      stdio: 'ignore',
    })
    const run = () => app.db.reconciliation.findFirst({ where: { operationId: operation } })
    const reached = await until(
      'it is on its way',
      async () => {
        const row = await run()
        return row?.state === 'running' && row.compared > 0 ? row : undefined
      },
      60_000,
    )
    const gone = once(worker, 'exit')
    worker.kill('SIGKILL')
    await gone
    const left = await run()
    expect(left).toMatchObject({ state: 'running', id: reached.id })
    const compared = left?.compared ?? 0
    expect(compared).toBeGreaterThan(0)
    expect(compared).toBeLessThan(count)

    await until('its lease is over', async () => (await app.operations.recover()) > 0)
    expect(await app.runner.run(operation)).toEqual({ result: 'settled', state: 'done' })
    const { steps } = await app.desk.operations.show(operation)
    expect(steps.filter(({ name }) => name === 'begin')).toMatchObject([{ outcome: 'goes on' }])
    const plan = await app.desk.reconciliations.ofOperation(operation)
    expect(plan).toMatchObject({
      id: reached.id,
      state: 'planned',
      compared: count,
      counts: { missing: count / 1_000 },
    })
    expect(await app.db.reconciliation.count()).toBe(1)
    const addresses = plan?.findings.map(({ address }) => address) ?? []
    expect(new Set(addresses).size).toBe(count / 1_000)
  }, 120_000)
})
