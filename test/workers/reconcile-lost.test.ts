import { isDeepStrictEqual } from 'node:util'
import { v7 } from 'uuid'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { admin } from '../helpers/api.ts'
import { events } from '../helpers/events.ts'
import { type Stage, startStage } from '../helpers/stage.ts'
import { until } from '../helpers/until.ts'

const lost = '10.0.200.1'

describe('A record whose marker ipbridge made, but the ledger has never had', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await startStage()
    await stage.send(events.created({ id: 's1' }))
    await stage.runAll()
  })
  beforeEach(() => stage.books.records.set(lost, { address: lost, marker: `ipb:${v7()}` }))
  afterAll(() => stage.shutDown())

  async function setPolicies(policies: object): Promise<void> {
    await stage.app.desk.connections.change(admin, 'ipam', { options: { reconcile: { policies } } })
    const { id } = await stage.app.db.connection.findUniqueOrThrow({ where: { name: 'ipam' } })
    await until('it is heard of', async () =>
      isDeepStrictEqual((await stage.app.ipams.byId(id)).reconcile.policies, policies),
    )
  }

  async function reconcile() {
    const operation = await stage.app.desk.reconciliations.start('ipam', 'operator:test')
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    const plan = await stage.app.desk.reconciliations.ofOperation(operation)
    const findings = plan?.findings.map(
      ({ class: kind, address, action }) => `${kind} ${address} → ${action}`,
    )
    return { hash: plan?.hash ?? '', findings }
  }
  async function apply(hash: string): Promise<void> {
    const signal = AbortSignal.timeout(10_000)
    const { operations } = await stage.app.desk.reconciliations.apply(admin, hash, signal)
    for (const id of operations) expect(await stage.run(id)).toEqual({ result: 'settled', state: 'done' })
  }

  it('is reported and never given back, however many runs agree: somebody may live there', async () => {
    for (let runs = 0; runs < 3; runs++) {
      const { findings } = await reconcile()
      expect(findings).toEqual([`lost ${lost} → report`])
    }
    expect((await stage.app.desk.health.measures()).lost).toEqual([{ connection: 'ipam', count: 1 }])
  })

  it('is given back where an operator says so for its class, and two runs agree', async () => {
    await setPolicies({ lost: 'fix-theirs' })
    expect((await reconcile()).findings).toEqual([`lost ${lost} → report`])
    const { hash, findings } = await reconcile()
    expect(findings).toEqual([`lost ${lost} → release`])
    await apply(hash)
    expect(stage.record(lost)).toBeUndefined()
    expect((await reconcile()).findings).toEqual([])
    expect((await stage.app.desk.health.measures()).lost).toEqual([])
  })

  it('is taken over at an address of ours, where foreign records are to be adopted', async () => {
    stage.books.records.delete(lost)
    const [assignment] = await stage.addresses('s1')
    const address = assignment?.address ?? ''
    const record = { address, ...stage.record(address), marker: `ipb:${v7()}` }
    await setPolicies({ foreign: 'adopt' })
    stage.books.records.set(address, { ...record, owner: 'somebody' })
    expect((await reconcile()).findings).toEqual([`foreign ${address} → report`])
    stage.books.records.set(address, record)
    const { hash, findings } = await reconcile()
    expect(findings).toEqual([`foreign ${address} → adopt`])
    await apply(hash)
    expect(stage.record(address)?.marker).toBe(assignment?.marker)
    expect((await reconcile()).findings).toEqual([])
  })
})
