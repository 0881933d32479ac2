import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createReservations, type Reservations } from '../../../src/db/reservations.ts'
import { done } from '../../../src/domain/outcome.ts'
import type { Processor, Run } from '../../../src/queue/run.ts'
import { admin, furnish } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { heldClock, startRunner } from '../../helpers/runner.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('an operation that was claimed', () => {
  let app: TestApp
  let reservations: Reservations

  beforeAll(async () => {
    app = await startTestApp({ work: false, leaseSeconds: 60 })
    reservations = createReservations(app.db)
    await furnish(app)
  })
  afterAll(() => app.shutDown())

  let count = 0
  /** An allocation that nobody has begun. */
  async function newOperation(): Promise<string> {
    const [receipt] = await app.intake.accept([events.created({ id: `fenced-${++count}` })], 'http')
    return receipt?.operations[0] ?? ''
  }
  const rowOf = (id: string) => app.db.operation.findUniqueOrThrow({ where: { id } })

  /** Everything that ending the operation could have changed. */
  async function traces(id: string) {
    const operation = await rowOf(id)
    return {
      operation,
      assignment: await app.db.assignment.findUnique({ where: { id: operation.assignmentId ?? '' } }),
      steps: await app.db.operationStep.count({ where: { operationId: id } }),
      messages: await app.db.outbox.count({ where: { operationId: id } }),
    }
  }

  /** As if the worker had been away for longer than its lease. */
  async function endLease(id: string): Promise<void> {
    await app.db
      .$executeRaw`update operation set lease_until = now() - interval '1 second' where id = ${id}::uuid`
    expect(await app.operations.recover()).toBe(1)
  }

  /** A processor that stands still in the middle until it is let go, and the run that it was given. */
  function standingStill(rest: (run: Run) => Promise<unknown> = async () => {}) {
    let letGo = () => {}
    const gate = new Promise<void>(resolve => {
      letGo = resolve
    })
    const seen: { run?: Run } = {}
    const processor: Processor = async run => {
      seen.run = run
      await gate
      await rest(run)
      return done({
        assignment: { state: 'released' },
        messages: [{ type: 'address.released', data: {} }],
      })
    }
    return { seen, processor, letGo: () => letGo() }
  }

  it('is not given to a second worker while the lease holds', async () => {
    const id = await newOperation()
    expect(await app.operations.claim(id)).toMatchObject({ id, epoch: 1 })
    expect(await app.operations.claim(id)).toBeUndefined()
    expect(await app.operations.recover()).toBe(0)
  })

  it('has a higher epoch after every claim', async () => {
    const id = await newOperation()
    for (const epoch of [1, 2, 3]) {
      expect(await app.operations.claim(id)).toMatchObject({ epoch, attempts: epoch })
      await endLease(id)
    }
  })

  it('is given to one of many workers that ask at once', async () => {
    const id = await newOperation()
    const { processor, letGo } = standingStill()
    const workers = Array.from({ length: 8 }, () => startRunner(app, processor))
    letGo()
    const results = await Promise.all(workers.map(worker => worker.run(id)))
    expect(results.filter(({ result }) => result === 'settled').length).toBe(1)
    expect(results.filter(({ result }) => result === 'not claimed').length).toBe(7)
    for (const worker of workers) worker.close()
  })

  it('is given once where one worker was told of it twice and asks for both at the same moment', async () => {
    const id = await newOperation()
    const claims = await Promise.all([app.operations.claim(id), app.operations.claim(id)])
    expect(claims.map(claimed => claimed?.epoch)).toEqual([1, undefined])
  })

  it('cannot be ended under an earlier epoch', async () => {
    const id = await newOperation()
    await app.operations.claim(id)
    await endLease(id)
    await app.operations.claim(id)
    const before = await traces(id)
    const settlement = done({
      assignment: { state: 'released', ptr: 'stale.example.net' },
      messages: [{ type: 'address.released', data: {} }],
    })
    const steps = [{ name: 'stale', outcome: 'done', ms: 1, at: new Date() }]
    expect(await app.operations.settle({ id, epoch: 1, settlement, steps })).toEqual({ ours: false })
    expect(await traces(id)).toEqual(before)
    expect(await app.operations.settle({ id, epoch: 2, settlement: done(), steps: [] })).toEqual({
      ours: true,
    })
  })

  it('cannot be ended by one whose lease ended, even before anybody else has it', async () => {
    const id = await newOperation()
    await app.operations.claim(id)
    await endLease(id)
    const before = await traces(id)
    expect(await app.operations.settle({ id, epoch: 1, settlement: done(), steps: [] })).toEqual({
      ours: false,
    })
    expect(await traces(id)).toEqual(before)
  })

  it('keeps its lease under the present epoch only', async () => {
    const id = await newOperation()
    await app.operations.claim(id)
    await endLease(id)
    await app.operations.claim(id)
    expect(await app.operations.renew([{ id, epoch: 1 }])).toEqual(new Map())
    expect(await app.operations.renew([{ id, epoch: 2 }])).toEqual(new Map([[id, 2]]))
  })

  it('binds no address, stores no conflict and wishes no PTR under an earlier epoch', async () => {
    const id = await newOperation()
    const claimed = await app.operations.claim(id)
    await endLease(id)
    await app.operations.claim(id)
    const assignmentId = claimed?.assignment?.id ?? ''
    const connection = await app.db.connection.findUniqueOrThrow({ where: { name: 'builtin' } })
    const stale = { operationId: id, epoch: 1, assignmentId, connectionId: connection.id }
    const place = { addressSpace: 'default', address: '192.0.2.77' }
    const before = await traces(id)
    expect(await reservations.reserve({ ...stale, ...place, ptr: null })).toEqual({ outcome: 'lost' })
    expect(
      await reservations.recordConflict({
        ...stale,
        ...place,
        serviceId: 'fenced',
        marker: 'ipb:stale',
        holder: { isEntitled: true, isLettingGo: false, assignmentId, serviceId: 'fenced' },
        message: { type: 'address.conflict', data: {} },
      }),
    ).toBe(false)
    const stamp = { t: 1, s: '1' }
    const seen = { id: assignmentId, ptrStamp: null }
    expect(await reservations.wishPtr({ id, epoch: 1 }, seen, 'stale.example.net', stamp)).toBe('lost')
    expect(await traces(id)).toEqual(before)
    expect(await app.db.conflict.count()).toBe(0)
  })

  it('leaves a worker that was away too long unable to do another step or to end it', async () => {
    const id = await newOperation()
    const effects: string[] = []
    const { seen, processor, letGo } = standingStill(run =>
      run.step('effect', async () => effects.push('zombie')),
    )
    const zombie = startRunner(app, processor)
    const running = zombie.run(id)
    await until('the zombie has begun', () => seen.run)
    await endLease(id)
    const heir = startRunner(app, async run => {
      await run.step('effect', async () => effects.push('heir'))
      return done()
    })
    expect(await heir.run(id)).toEqual({ result: 'settled', state: 'done' })
    await until('the zombie was told', () => seen.run?.signal.aborted)
    const before = await traces(id)
    letGo()
    expect(await running).toEqual({ result: 'lost' })
    expect(effects).toEqual(['heir'])
    expect(await traces(id)).toEqual(before)
    zombie.close()
    heir.close()
  })

  it('may not go on after a local deadline that ends before the lease does', async () => {
    const id = await newOperation()
    const clock = heldClock()
    const begun: string[] = []
    const runner = startRunner(
      app,
      async run => {
        await run.step('in time', async () => begun.push('in time'))
        // Of the lease of 60 seconds four fifths have passed, as far as this process can tell.
        clock.pass(48_001)
        await run.step('too late', async () => begun.push('too late'))
        return done()
      },
      { clock, leaseSeconds: 60 },
    )
    expect(await runner.run(id)).toEqual({ result: 'lost' })
    expect(begun).toEqual(['in time'])
    const { state, leaseUntil } = await rowOf(id)
    expect(state).toBe('running')
    expect(Number(leaseUntil) - Date.now()).toBeGreaterThan(5_000)
    runner.close()
  })

  it('counts the local deadline from before it asked for the lease', async () => {
    const id = await newOperation()
    const clock = heldClock()
    const runner = startRunner(app, async run => run.step('too late', async () => done()), {
      clock,
      leaseSeconds: 60,
    })
    const { claim } = runner.operations
    runner.operations.claim = async operation => {
      clock.pass(48_001)
      return claim(operation)
    }
    expect(await runner.run(id)).toEqual({ result: 'lost' })
    runner.close()
  })

  it('stays with a worker that takes longer than the lease but is alive', async () => {
    const id = await newOperation()
    const { seen, processor, letGo } = standingStill()
    const runner = startRunner(app, processor, { leaseSeconds: 3 })
    const running = runner.run(id)
    await until('it has begun', () => seen.run)
    const first = (await rowOf(id)).leaseUntil
    await until('the lease is older than it was to be', () => Date.now() > Number(first) + 500)
    expect(await app.operations.recover()).toBe(0)
    letGo()
    expect(await running).toMatchObject({ result: 'settled' })
    runner.close()
  })

  it('is taken from its worker when an operator cancels it', async () => {
    const id = await newOperation()
    const { seen, processor, letGo } = standingStill()
    const runner = startRunner(app, processor, { leaseSeconds: 3 })
    const running = runner.run(id)
    await until('it has begun', () => seen.run)
    await app.desk.operations.cancel(admin, id)
    await until('the worker was told', () => seen.run?.signal.aborted)
    letGo()
    expect(await running).toEqual({ result: 'lost' })
    expect((await rowOf(id)).state).toBe('cancelled')
    runner.close()
  })

  it('is guarded as its second claim when the first one, by the same worker, ends late', async () => {
    const id = await newOperation()
    const [first, second] = [standingStill(), standingStill()]
    const runner = startRunner(app, run => (run.epoch === 1 ? first : second).processor(run), {
      leaseSeconds: 3,
    })
    const zombie = runner.run(id)
    await until('the first has begun', () => first.seen.run)
    await endLease(id)
    const heir = runner.run(id)
    await until('the second has begun', () => second.seen.run)
    first.letGo()
    expect(await zombie).toEqual({ result: 'lost' })
    const granted = (await rowOf(id)).leaseUntil
    await until('its lease is extended', async () => Number((await rowOf(id)).leaseUntil) > Number(granted))
    runner.abort()
    expect(second.seen.run?.signal.aborted).toBe(true)
    second.letGo()
    await heir
    runner.close()
  })
})
