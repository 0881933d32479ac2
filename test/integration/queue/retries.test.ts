import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { maxAttempts } from '../../../src/domain/backoff.ts'
import { IpbridgeError } from '../../../src/errors.ts'
import { admin } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { startRunner } from '../../helpers/runner.ts'
import { furnishScripted, scriptedIpam } from '../../helpers/scripted-ipam.ts'
import { until } from '../../helpers/until.ts'

let count = 0

/** Takes a new service in. @returns the operation that allocates its address */
async function create(app: TestApp): Promise<string> {
  const [receipt] = await app.intake.accept([events.created({ id: `tried-${++count}` })], 'http')
  return receipt?.operations[0] ?? ''
}

describe.skipIf(queueMissing)('an operation whose try fails', () => {
  const ipam = scriptedIpam()
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({ ipamDrivers: ipam.drivers })
    await furnishScripted(app)
  })
  beforeEach(() => ipam.play(async () => {}))
  afterAll(() => app.shutDown())

  /** The first requests fail with these errors, one after the other. */
  function failWith(...errors: IpbridgeError[]): void {
    ipam.play(async call => {
      const error = call === 'request' ? errors.shift() : undefined
      if (error) throw error
    })
  }
  const ended = async (id: string) => {
    await app.desk.operations.settled([id], 15_000)
    return app.desk.operations.show(id)
  }
  const failedJobOf = async (id: string) => {
    const jobs = await app.queues.queue('allocate').getJobs(['failed'])
    return jobs.find(job => job.data.operation === id)
  }

  it('is tried again when that can help, and loses nothing of what it had', async () => {
    failWith(new IpbridgeError('ipam_unavailable', 'not now'))
    const { state, attempts, steps } = await ended(await create(app))
    expect([state, attempts]).toEqual(['done', 2])
    expect(steps.map(step => [step.attempt, step.name, step.outcome])).toEqual([
      [1, 'find', 'nothing'],
      [1, 'request', 'failed'],
      [2, 'find', 'nothing'],
      [2, 'request', 'done'],
      [2, 'check', 'free'],
      [2, 'ptr', 'done'],
      [2, 'record', 'reserved'],
    ])
  })

  it('fails at once, and its job for good, when trying again cannot help', async () => {
    failWith(new IpbridgeError('ipam_refused', 'this will never do'))
    const id = await create(app)
    expect(await ended(id)).toMatchObject({
      state: 'failed',
      attempts: 1,
      error: { code: 'ipam_refused', message: 'this will never do' },
    })
    const job = await until('its job has failed', () => failedJobOf(id))
    expect(job.failedReason).toBe('ipam_refused: this will never do')
    // Its first attempt of very many: only `finishedOn` says that there will be no other.
    expect(job.attemptsMade).toBeLessThan(job.opts.attempts ?? 0)
    expect(job.finishedOn).toBeDefined()
  })

  it('is not tried again before the IPAM said', async () => {
    const retryAfterMs = 1_500
    failWith(new IpbridgeError('ipam_busy', 'too many requests', { retryAfterMs }))
    const { state, steps } = await ended(await create(app))
    const tries = steps.filter(step => step.name === 'request').map(step => step.at.getTime())
    expect(state).toBe('done')
    expect((tries[1] ?? 0) - (tries[0] ?? 0)).toBeGreaterThanOrEqual(retryAfterMs)
  })

  it('is not tried before its time where a worker whose clock is ahead is told of it', async () => {
    failWith(new IpbridgeError('ipam_busy', 'too many requests', { retryAfterMs: 60_000 }))
    const id = await create(app)
    const queue = app.queues.queue('allocate')
    const job = await until('it waits for its next try', async () =>
      (await queue.getDelayed()).find(({ data }) => data.operation === id),
    )
    // What the clock of such a worker comes to.
    await job.promote()
    await until('the worker has looked at it', async () => (await queue.getJob(job.id ?? '')) === undefined)
    expect(await app.desk.operations.show(id)).toMatchObject({ state: 'queued', attempts: 1 })
    // The dispatcher goes by the clock of PostgreSQL.
    await app.db.$executeRaw`update operation set announce_at = now() where id = ${id}::uuid`
    expect(await ended(id)).toMatchObject({ state: 'done', attempts: 2 })
  })

  it('has all its tries again when an operator retries it', async () => {
    failWith(new IpbridgeError('ipam_refused', 'never'), new IpbridgeError('ipam_unavailable', 'later'))
    const id = await create(app)
    await ended(id)
    await app.desk.operations.retry(admin, id)
    expect(await ended(id)).toMatchObject({ state: 'done', attempts: 2, error: null })
    expect(await failedJobOf(id)).toBeUndefined()
  })
})

describe.skipIf(queueMissing)('an operation that keeps failing', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({ work: false })
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
  })
  afterAll(() => app.shutDown())

  /** Runs an operation until it is tried no more. @returns the delays that were given for each next try */
  async function exhaust(id: string, error: IpbridgeError, random = 0.5) {
    const runner = startRunner(
      app,
      async () => {
        throw error
      },
      { random: () => random },
    )
    const delays: number[] = []
    for (;;) {
      const ran = await runner.run(id)
      if (ran.result !== 'retry') {
        runner.close()
        return { delays, last: ran }
      }
      delays.push(ran.delayMs)
    }
  }

  it('fails after ten tries, with growing pauses in between', async () => {
    const id = await create(app)
    const { delays, last } = await exhaust(id, new IpbridgeError('ipam_unavailable', 'gone'))
    expect(delays).toEqual([750, 1_500, 3_000, 6_000, 12_000, 24_000, 48_000, 96_000, 192_000])
    expect(delays.length + 1).toBe(maxAttempts)
    expect(last).toEqual({ result: 'failed', message: 'ipam_unavailable: gone' })
    expect(await app.desk.operations.show(id)).toMatchObject({ state: 'failed', attempts: maxAttempts })
    expect(await app.db.outbox.findMany({ where: { operationId: id } })).toMatchObject([
      { type: 'operation.failed', data: { operation: id, kind: 'allocate', code: 'ipam_unavailable' } },
    ])
  })

  it('waits for a different time than another that failed at the same moment', async () => {
    const error = new IpbridgeError('ipam_unavailable', 'gone')
    const [one, other] = [
      await exhaust(await create(app), error, 0),
      await exhaust(await create(app), error, 0.9),
    ]
    expect(one.delays.every((delay, n) => delay < (other.delays[n] ?? 0))).toBe(true)
  })

  it('is left to the dispatcher where the queue forgets that it was to be tried again', async () => {
    const id = await create(app)
    const runner = startRunner(app, async () => {
      throw new IpbridgeError('ipam_unavailable', 'gone', { retryAfterMs: 60_000 })
    })
    const ran = await runner.run(id)
    expect(ran).toMatchObject({ result: 'retry', delayMs: expect.any(Number) })
    const { announceAt } = await app.db.operation.findUniqueOrThrow({ where: { id } })
    const inMs = Number(announceAt) - Date.now()
    const { delayMs } = ran as { delayMs: number }
    expect([inMs > delayMs, inMs <= delayMs + 10_000]).toEqual([true, true])
    runner.close()
  })

  it('does not pay with a try for being interrupted', async () => {
    const id = await create(app)
    const abort = new AbortController()
    const runner = startRunner(app, run =>
      run.step('call', async signal => {
        abort.abort(new Error('the job was cancelled'))
        signal.throwIfAborted()
        throw new Error('the signal should be aborted')
      }),
    )
    expect(await runner.run(id, abort.signal)).toEqual({ result: 'settled', state: 'queued' })
    expect(await app.desk.operations.show(id)).toMatchObject({
      state: 'queued',
      attempts: 0,
      error: { code: 'interrupted' },
    })
    runner.close()
  })

  it('ends when its worker dies at every try', async () => {
    const id = await create(app)
    for (let tries = 0; tries < maxAttempts; tries++) {
      expect(await app.operations.claim(id)).toMatchObject({ attempts: tries + 1 })
      await app.db
        .$executeRaw`update operation set lease_until = now() - interval '1 second' where id = ${id}::uuid`
      await app.operations.recover()
    }
    const effects: string[] = []
    const runner = startRunner(app, async run =>
      run.step('effect', async () => ({ state: 'done', n: effects.push('') })),
    )
    expect(await runner.run(id)).toMatchObject({
      result: 'failed',
      message: expect.stringMatching(/^too_many_attempts/),
    })
    expect(effects).toEqual([])
    runner.close()
  })
})
