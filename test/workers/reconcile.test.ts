import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { IpbridgeError } from '../../src/errors.ts'
import { admin } from '../helpers/api.ts'
import { events } from '../helpers/events.ts'
import { type Stage, startStage } from '../helpers/stage.ts'

const signal = new AbortController().signal

describe('Reconciliation', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await startStage()
    await stage.send(...['r1', 'r2', 'r3', 'r4', 'r5'].map(id => events.created({ id })))
    await stage.runAll()
  })
  afterEach(() => stage.calm())
  afterAll(() => stage.shutDown())

  const reconcile = () => stage.app.desk.reconciliations.start('ipam', 'operator:test')
  const planOf = (operation: string) => stage.app.desk.reconciliations.ofOperation(operation)

  /** Runs it, and gives the plan as `class address → action`. */
  async function findings(): Promise<string[]> {
    const operation = await reconcile()
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    const plan = await planOf(operation)
    return (plan?.findings ?? []).map(finding => `${finding.class} ${finding.address} → ${finding.action}`)
  }
  const addressOf = async (id: string) => (await stage.addresses(id))[0]?.address ?? ''
  const orphan = (n: number) => `ipb:00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

  /** The books as they were, when the test is over. */
  async function drifted(change: () => Promise<void> | void, test: () => Promise<void>): Promise<void> {
    const before = new Map(stage.books.records)
    try {
      await change()
      await test()
    } finally {
      stage.books.records.clear()
      for (const [address, record] of before) stage.books.records.set(address, record)
    }
  }

  it('finds nothing where the books agree', async () => {
    const operation = await reconcile()
    await stage.run(operation)
    expect(await stage.steps(operation)).toEqual([
      'begin: done',
      'compare: done',
      'look at the guests: nothing found',
      'look at open work: nothing found',
      'plan: done',
    ])
    expect(await planOf(operation)).toMatchObject({ state: 'planned', counts: {}, compared: 5, findings: [] })
    const messages = await stage.app.db.outbox.findMany({ where: { type: 'reconcile.finished' } })
    expect(messages.map(message => message.data)).toMatchObject([{ connection: 'ipam', findings: 0 }])
  })

  it('finds every way in which the two sides can differ, and acts on none', async () => {
    const [missing, foreign, renamed] = [await addressOf('r1'), await addressOf('r2'), await addressOf('r3')]
    const change = () => {
      stage.books.records.delete(missing)
      stage.books.records.set(foreign, { address: foreign, marker: orphan(1) })
      stage.books.records.set(renamed, {
        ...stage.books.records.get(renamed),
        address: renamed,
        ptr: 'other.example.org',
      })
      stage.books.records.set('10.0.200.1', { address: '10.0.200.1', marker: orphan(2) })
      stage.books.records.set('10.0.200.2', { address: '10.0.200.2', owner: 'somebody' })
    }
    await drifted(change, async () => {
      expect(await findings()).toEqual([
        `missing ${missing} → allocate`,
        `foreign ${foreign} → report`,
        `ptr ${renamed} → ptr`,
        'orphan 10.0.200.1 → report',
        'unknown 10.0.200.2 → report',
      ])
      expect(stage.calls.filter(call => call !== 'read' && call !== 'addresses')).toEqual([])
    })
  })

  it('releases an orphan only when two runs in a row have seen it', async () => {
    const change = () =>
      void stage.books.records.set('10.0.200.1', { address: '10.0.200.1', marker: orphan(3) })
    await drifted(change, async () => {
      expect(await findings()).toEqual(['orphan 10.0.200.1 → report'])
      expect(await findings()).toEqual(['orphan 10.0.200.1 → release'])
      stage.books.records.set('10.0.200.1', { address: '10.0.200.1', marker: orphan(4) })
      expect(await findings()).toEqual(['orphan 10.0.200.1 → report'])
      stage.books.records.delete('10.0.200.1')
      expect(await findings()).toEqual([])
      stage.books.records.set('10.0.200.1', { address: '10.0.200.1', marker: orphan(4) })
      expect(await findings()).toEqual(['orphan 10.0.200.1 → report'])
    })
  })

  it('is one run, whose plan counts once, also where its worker dies when the plan is made', async () => {
    const change = () =>
      void stage.books.records.set('10.0.201.2', { address: '10.0.201.2', marker: orphan(4) })
    await drifted(change, async () => {
      const operation = await reconcile()
      await stage.run(operation)
      const made = await planOf(operation)
      // The plan was stored, and the worker did not come to say so.
      await stage.app.db.operation.update({
        where: { id: operation },
        data: { state: 'queued', endedAt: null },
      })
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(await stage.app.db.reconciliation.count({ where: { operationId: operation } })).toBe(1)
      expect(await planOf(operation)).toEqual(made)
      expect(made?.findings).toMatchObject([{ class: 'orphan', action: 'report' }])
      const told = await stage.app.db.outbox.findMany({ where: { operationId: operation } })
      expect(told[1]?.data).toEqual(told[0]?.data)
    })
  })

  it('releases no more than its cap at once', async () => {
    const change = () => {
      for (let n = 1; n <= 13; n++) {
        stage.books.records.set(`10.0.201.${n}`, { address: `10.0.201.${n}`, marker: orphan(100 + n) })
      }
    }
    await drifted(change, async () => {
      await findings()
      const actions = (await findings()).map(finding => finding.split(' → ')[1])
      expect(actions.filter(action => action === 'release')).toHaveLength(10)
      expect(actions.filter(action => action === 'report')).toHaveLength(3)
    })
  })

  it('stops at an IPAM that suddenly lists nothing', async () => {
    await drifted(
      () => stage.books.records.clear(),
      async () => {
        const operation = await reconcile()
        expect(await stage.run(operation)).toMatchObject({ result: 'failed' })
        expect(await stage.operation(operation)).toMatchObject({ error: { code: 'reconcile_refused' } })
        const plan = await planOf(operation)
        expect(plan).toMatchObject({ state: 'stopped', hash: null, findings: [] })
        expect(plan?.remark).toContain('lists no address at all')
      },
    )
  })

  it('plans nothing while the list breaks off, says why, and goes on where it was', async () => {
    stage.traits.ipam = {
      async *list() {
        yield* [...stage.books.records.values()].slice(0, 2)
        throw new IpbridgeError('ipam_unavailable', 'page 2 did not come')
      },
    }
    const operation = await reconcile()
    expect(await stage.run(operation)).toMatchObject({ result: 'retry' })
    const remark = expect.stringContaining('ipam_unavailable: page 2 did not come; nothing was planned')
    expect(await planOf(operation)).toMatchObject({ state: 'running', hash: null, remark, findings: [] })
    stage.calm()
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    expect(await planOf(operation)).toMatchObject({ state: 'planned', counts: {}, compared: 5, remark: null })
  })

  it('ends a run whose list breaks off for good, and says why', async () => {
    stage.traits.ipam = {
      async *list() {
        yield* [...stage.books.records.values()].slice(0, 2)
        throw new IpbridgeError('bad_credentials', 'the password is wrong')
      },
    }
    const operation = await reconcile()
    expect(await stage.run(operation)).toMatchObject({ result: 'failed' })
    const remark = expect.stringContaining('bad_credentials: the password is wrong; nothing was planned')
    expect(await planOf(operation)).toMatchObject({ state: 'failed', hash: null, remark })
  })

  describe('while work goes on', () => {
    it('leaves out what is being allocated, released and changed', async () => {
      await stage.send(events.created({ id: 'w1' }), events.created({ id: 'w2' }))
      await stage.runAll()
      const [released, renamed] = [await addressOf('w1'), await addressOf('w2')]
      stage.calm()
      const allocation = (await stage.send(events.created({ id: 'w3' })))[0]
      stage.cues.after = call => {
        if (call === 'request')
          throw new IpbridgeError('outcome_unknown', 'no answer', { outcome: 'unknown' })
      }
      await stage.run(allocation)
      stage.calm()
      await stage.send(events.deleted('w1'), events.ptrChanged(renamed, 'new.example.org', { service: 'w2' }))
      stage.books.records.delete(released)
      stage.books.records.set(renamed, {
        ...stage.books.records.get(renamed),
        address: renamed,
        ptr: 'new.example.org',
      })
      expect(await findings()).toEqual([])
      await stage.runAll()
      expect(await findings()).toEqual([])
    })

    it('finds nothing that was only different for a moment', async () => {
      // While the list is read, one address is taken and another given back.
      const [going] = [await addressOf('r4')]
      let moved = false
      stage.traits.ipam = {
        async *list(signal) {
          for await (const record of stage.books.list(signal)) {
            yield record
            if (moved) continue
            moved = true
            await stage.send(events.created({ id: 'm1', server: 'node2' }), events.deleted('r4'))
            await stage.runAll()
          }
        },
      }
      expect(await findings()).toEqual([])
      expect(stage.record(going)).toBeUndefined()
    })

    it('takes no open conflict for an orphan', async () => {
      await stage.send(events.created({ id: 'h1', server: 'node2' }))
      await stage.runAll()
      const taken = await addressOf('h1')
      await drifted(
        async () => {
          stage.books.records.delete(taken)
          await stage.send(events.created({ id: 'c1', server: 'node2' }))
          await stage.runAll()
        },
        async () => {
          // The holder's own record is gone: the claimant's mark stands in its place.
          const [first, ...others] = await findings()
          expect(first).toBe(`conflict ${taken} → report`)
          expect(others).toEqual([])
        },
      )
      await stage.send(events.deleted('c1'))
      await stage.app.db.operation.updateMany({
        where: { serviceId: 'c1', state: 'queued' },
        data: { state: 'cancelled', endedAt: new Date() },
      })
    })
  })

  it('tells which server could not be looked at, and goes on', async () => {
    stage.traits.panel = {
      guests: () => {
        throw new IpbridgeError('panel_unavailable', 'nobody is there')
      },
    }
    const operation = await reconcile()
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    const plan = await planOf(operation)
    expect(plan?.state).toBe('planned')
    expect(plan?.remark).toContain('the guests of node1 could not be looked at: panel_unavailable')
  })

  describe('whose plan is applied', () => {
    it('makes operations of it, after which the books agree', async () => {
      const ids = ['a1', 'a2']
      await stage.send(...ids.map(id => events.created({ id })))
      await stage.runAll()
      const [missing, renamed] = [await addressOf('a1'), await addressOf('a2')]
      stage.books.records.set('10.0.202.1', { address: '10.0.202.1', marker: orphan(200) })
      stage.books.records.delete(missing)
      stage.books.records.set(renamed, {
        ...stage.books.records.get(renamed),
        address: renamed,
        ptr: 'other.example.org',
      })
      const isOurs = (finding: string) =>
        [missing, renamed, '10.0.202.1'].some(a => finding.includes(` ${a} `))
      await findings()
      const operation = await reconcile()
      await stage.run(operation)
      const plan = await planOf(operation)
      const lines =
        plan?.findings.map(finding => `${finding.class} ${finding.address} → ${finding.action}`) ?? []
      expect(lines.filter(isOurs)).toEqual([
        `missing ${missing} → allocate`,
        `ptr ${renamed} → ptr`,
        'orphan 10.0.202.1 → release',
      ])
      await stage.app.desk.reconciliations.apply(admin, plan?.hash ?? '', signal)
      await stage.runAll()
      expect(stage.record(missing)).toMatchObject({ ptr: 'a1.example.net' })
      expect(stage.record(renamed)).toMatchObject({ ptr: 'a2.example.net' })
      expect(stage.record('10.0.202.1')).toBeUndefined()
      expect((await findings()).filter(isOurs)).toEqual([])
    })

    it('is refused when the world has moved', async () => {
      const marker = orphan(300)
      stage.books.records.set('10.0.203.1', { address: '10.0.203.1', marker })
      await findings()
      const operation = await reconcile()
      await stage.run(operation)
      const plan = await planOf(operation)
      stage.books.records.set('10.0.203.1', { address: '10.0.203.1', marker, ptr: 'back.example.org' })
      const apply = stage.app.desk.reconciliations.apply(admin, plan?.hash ?? '', signal)
      await expect(apply).rejects.toMatchObject({ code: 'plan_stale' })
      expect(stage.record('10.0.203.1')).toBeDefined()
    })
  })

  it('looks at its own connection only', async () => {
    const operation = await stage.app.desk.reconciliations.start('builtin', 'operator:test')
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    expect(await planOf(operation)).toMatchObject({ compared: 0, findings: [] })
  })
})
