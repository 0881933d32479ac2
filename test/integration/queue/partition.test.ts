import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { backend, joinTestApp, queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { proxyTo } from '../../helpers/proxy.ts'
import { furnishScripted, scriptedIpam, untilAborted } from '../../helpers/scripted-ipam.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('a worker that is cut off', () => {
  const ipam = scriptedIpam()
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({ ipamDrivers: ipam.drivers, work: false })
    await furnishScripted(app)
  })
  beforeEach(() => {
    ipam.calls.length = 0
    ipam.play(async () => {})
  })
  afterAll(() => app.shutDown())

  const create = async (id: string) => {
    const [receipt] = await app.intake.accept([events.created({ id })], 'http')
    return receipt?.operations[0] ?? ''
  }
  const stepsOf = async (id: string) =>
    (await app.desk.operations.show(id)).steps.map(step => [step.attempt, step.name, step.outcome])

  it('from the ledger gives up its call before its lease ends, and another goes on', async () => {
    const proxy = await proxyTo(app.database.url)
    const worker = await joinTestApp(app, { ipamDrivers: ipam.drivers, env: { DATABASE_URL: proxy.url } })
    let [begun, givenUp] = [0, 0]
    ipam.play(async (call, signal) => {
      if (call !== 'request' || begun++ > 0) return
      await untilAborted(signal).catch(reason => {
        givenUp = Date.now()
        throw reason
      })
    })
    const id = await create('cut-off-from-the-ledger')
    await until('it has asked for an address', () => begun)
    proxy.freeze()
    const { leaseUntil } = await app.db.operation.findUniqueOrThrow({ where: { id } })
    await until('it gave its call up', () => givenUp)
    expect(givenUp).toBeLessThan(Number(leaseUntil))
    const heir = await joinTestApp(app, { ipamDrivers: ipam.drivers })
    await app.desk.operations.settled([id], 20_000)
    expect(await stepsOf(id)).toEqual([
      [1, 'recover', 'done'],
      [2, 'find', 'nothing'],
      [2, 'request', 'done'],
      [2, 'check', 'free'],
      [2, 'ptr', 'done'],
      [2, 'record', 'reserved'],
    ])
    await heir.shutDown()
    proxy.thaw()
    await worker.shutDown()
    await proxy.close()
    expect((await app.desk.operations.show(id)).state).toBe('done')
  })

  it.skipIf(backend === 'postgres')(
    'from Redis alone ends what it has, and begins again when Redis is back',
    async () => {
      const proxy = await proxyTo(app.env['REDIS_URL'] ?? '')
      const worker = await joinTestApp(app, { ipamDrivers: ipam.drivers, env: { REDIS_URL: proxy.url } })
      let [begun, isFrozen] = [0, false]
      ipam.play(async call => {
        if (call !== 'request') return
        begun += 1
        await until('Redis is away', () => isFrozen)
      })
      const id = await create('cut-off-from-redis')
      await until('it has asked for an address', () => begun)
      proxy.freeze()
      isFrozen = true
      await app.desk.operations.settled([id], 10_000)
      expect((await app.desk.operations.show(id)).state).toBe('done')
      proxy.drop()
      proxy.thaw()
      const next = await create('after-redis-was-away')
      await app.desk.operations.settled([next], 20_000)
      expect((await app.desk.operations.show(next)).state).toBe('done')
      expect(ipam.calls.filter(call => call === 'request').length).toBe(2)
      await worker.shutDown()
      await proxy.close()
    },
  )

  it.skipIf(backend === 'postgres')('from Redis keeps nobody waiting who brings an event', async () => {
    const proxy = await proxyTo(app.env['REDIS_URL'] ?? '')
    const intake = await joinTestApp(app, {
      ipamDrivers: ipam.drivers,
      env: { REDIS_URL: proxy.url },
      work: false,
    })
    await until('it is connected', () =>
      intake.queues.ping().then(
        () => true,
        () => false,
      ),
    )
    proxy.freeze()
    const begun = performance.now()
    const [receipt] = await intake.intake.accept([events.created({ id: 'patient-billing' })], 'http')
    expect(performance.now() - begun).toBeLessThan(8_000)
    const worker = await joinTestApp(app, { ipamDrivers: ipam.drivers })
    const states = await app.desk.operations.settled(receipt?.operations ?? [], 20_000)
    expect([...states.values()]).toEqual(['done'])
    await worker.shutDown()
    proxy.drop()
    await intake.shutDown()
    await proxy.close()
  })
})
