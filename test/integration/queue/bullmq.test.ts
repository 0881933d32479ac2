import type { EventEmitter } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../../src/db/embedded/free-port.ts'
import { createLog } from '../../../src/log.ts'
import { openQueues } from '../../../src/queue/backend.ts'
import { startEventWorker } from '../../../src/queue/event-worker.ts'
import { jobIdOf, operationOfJob } from '../../../src/queue/names.ts'
import { parseRedisUrl } from '../../../src/queue/redis-url.ts'
import { startWorkers, workerSettings } from '../../../src/queue/workers.ts'
import { backend, queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { startRunner } from '../../helpers/runner.ts'
import { furnishScripted, scriptedIpam, untilAborted } from '../../helpers/scripted-ipam.ts'
import { until } from '../../helpers/until.ts'

// What BullMQ does and a newcomer does not expect, and that ipbridge lives with it.
describe.skipIf(queueMissing)('BullMQ', () => {
  const ipam = scriptedIpam()
  const log = createLog('silent')
  let app: TestApp
  const workers: ReturnType<typeof startWorkers> = []

  beforeAll(async () => {
    app = await startTestApp({ ipamDrivers: ipam.drivers, work: false, leaseSeconds: 60 })
    await furnishScripted(app)
  })
  beforeEach(() => {
    ipam.calls.length = 0
    ipam.play(async () => {})
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map(worker => worker.close(true)))
  })
  afterAll(() => app.shutDown())

  const create = async (id: string) => {
    const [receipt] = await app.intake.accept([events.created({ id })], 'http')
    return receipt?.operations[0] ?? ''
  }
  const stateOf = async (id: string) => (await app.desk.operations.show(id)).state

  it('refuses ids that are numbers or hold a colon: ours are neither', async () => {
    const queue = app.queues.queue('ptr')
    for (const jobId of ['123', 'a:b']) await expect(queue.add('ptr', {}, { jobId })).rejects.toThrow()
    const jobId = jobIdOf('ptr', '01890000-0000-7000-8000-000000000001', 7)
    expect((await queue.add('ptr', {}, { jobId })).id).toBe(jobId)
    await queue.remove(jobId)
  })

  it('passes the abort signal to processors with three plain parameters only: it reaches our calls', async () => {
    const started = startWorkers({
      queues: app.queues,
      runner: app.runner,
      isEarly: app.operations.isEarly,
      kinds: ['allocate'],
      concurrency: 5,
      log,
    })
    workers.push(...started)
    let reason: unknown
    ipam.play(async (call, signal) => {
      if (call === 'request')
        await untilAborted(signal).catch(why => {
          reason = why
          throw why
        })
    })
    const id = await create('cancelled-job')
    await until('the address is asked for', () => ipam.calls.includes('request'))
    ipam.play(async () => {})
    expect(started[0]?.cancelJob(jobIdOf('allocate', id, 0), 'by the test')).toBe(true)
    await until('the call was given up', () => reason !== undefined)
    await until('the operation is queued again', async () => (await stateOf(id)) === 'queued')
    expect(await app.desk.operations.show(id)).toMatchObject({ attempts: 0, error: { code: 'interrupted' } })
    await app.dispatcher.round()
    await until('it is done', async () => (await stateOf(id)) === 'done')
  })

  it('passes the abort signal to the worker on events, which waits in vain for a ledger that is away', async () => {
    let tries = 0
    const intake = {
      async accept() {
        tries += 1
        throw new Error('the ledger is away')
      },
    }
    const worker = startEventWorker({ queues: app.queues, intake, concurrency: 5, log })
    workers.push(worker)
    const event = events.created({ id: 'by-queue' })
    const job = await app.queues.queue('billing-events').add(event.type, event)
    await until('it was tried', () => tries > 0)
    worker.cancelJob(job.id ?? '', 'by the test')
    await until('its job is not active', async () => (await job.getState()) !== 'active')
    await job.remove()
  })

  it('runs a job twice at once when its lock is lost: the operation runs once', async () => {
    const heard: string[] = []
    let letGo = () => {}
    const gate = new Promise<void>(resolve => {
      letGo = resolve
    })
    ipam.play(async call => {
      if (call === 'request') await gate
    })
    // Locks that end at once and are not renewed: what a worker suffers whose event loop hangs.
    const careless = {
      ...workerSettings(),
      lockDuration: 300,
      stalledInterval: 200,
      skipLockRenewal: true,
      concurrency: 3,
    }
    function work(runner: { run(operation: string): Promise<unknown> }): void {
      const worker = app.queues.work(
        'allocate',
        async (job, _token, _signal) => {
          const operation = operationOfJob(job.data) ?? ''
          heard.push(operation)
          return runner.run(operation)
        },
        careless,
      )
      worker.on('error', () => {})
      workers.push(worker)
    }
    work(app.runner)
    const id = await create('stalled-job')
    await until('the first worker is in the middle of it', () => ipam.calls.includes('request'))
    const second = startRunner(app, async () => ({ state: 'done' }))
    work(second)
    // The backends look for stalled jobs at their own pace: Redis at most every 15 s where a worker was before.
    await until(
      'its job was given out again',
      () => heard.filter(operation => operation === id).length >= 2,
      60_000,
    )
    expect(ipam.calls.filter(call => call === 'request').length).toBe(1)
    letGo()
    await until('it is done', async () => (await stateOf(id)) === 'done')
    const { attempts, steps } = await app.desk.operations.show(id)
    expect([attempts, steps.map(step => step.name)]).toEqual([
      1,
      ['find', 'request', 'check', 'ptr', 'record'],
    ])
    second.close()
  }, 120_000)

  it('ends the process by an error event that nobody hears: all of ours are heard', async () => {
    const parts = { queues: app.queues, runner: app.runner, isEarly: app.operations.isEarly }
    workers.push(
      ...startWorkers({ ...parts, kinds: ['ptr'], concurrency: 1, log }),
      startEventWorker({ queues: app.queues, intake: app.intake, concurrency: 1, log }),
    )
    const emitters: EventEmitter[] = [...workers, app.queues.queue('ptr'), app.queues.queue('reconcile')]
    for (const emitter of emitters) {
      expect(emitter.listenerCount('error')).toBeGreaterThan(0)
      expect(() => emitter.emit('error', new Error('by the test'))).not.toThrow()
    }
  })

  it.skipIf(backend === 'postgres')(
    'keeps a producer waiting while Redis is away: ours is told at once',
    async () => {
      const nobody = await freePort()
      const target = parseRedisUrl(`redis://127.0.0.1:${nobody}`)
      const queues = openQueues({ redis: target, databaseUrl: '', log })
      const begun = performance.now()
      await expect(queues.queue('allocate').add('allocate', {})).rejects.toThrow()
      await expect(queues.queue('allocate').getJobScheduler('nightly')).rejects.toThrow()
      await queues.close()
      expect(performance.now() - begun).toBeLessThan(5_000)
    },
  )

  it.skipIf(backend === 'postgres')(
    'keeps a producer waiting for a Redis that never answers: ours gives up',
    async () => {
      const silent = createServer(() => {}).listen(0, '127.0.0.1')
      await until('it listens', () => silent.address())
      const { port } = silent.address() as { port: number }
      const queues = openQueues({ redis: parseRedisUrl(`redis://127.0.0.1:${port}`), databaseUrl: '', log })
      const begun = performance.now()
      await expect(queues.queue('allocate').add('allocate', {})).rejects.toThrow()
      expect(performance.now() - begun).toBeLessThan(15_000)
      await queues.close()
      silent.close()
    },
  )
})
