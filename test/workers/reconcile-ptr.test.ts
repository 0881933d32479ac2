import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin } from '../helpers/api.ts'
import { events } from '../helpers/events.ts'
import { type Stage, startStage } from '../helpers/stage.ts'

const signal = new AbortController().signal

describe('PTRs that differ after an IPAM was connected', () => {
  let stage: Stage
  let [first, second] = ['', '']
  beforeAll(async () => {
    stage = await startStage()
    await stage.send(events.created({ id: 'p1' }), events.created({ id: 'p2' }))
    await stage.runAll()
    const addressOf = async (id: string) => (await stage.addresses(id))[0]?.address ?? ''
    first = await addressOf('p1')
    second = await addressOf('p2')
  })
  afterAll(() => stage.shutDown())

  const rename = (address: string, ptr: string) =>
    stage.books.records.set(address, { ...stage.books.records.get(address), address, ptr })

  async function reconcile() {
    const operation = await stage.app.desk.reconciliations.start('ipam', 'operator:test')
    await stage.run(operation)
    const plan = await stage.app.desk.reconciliations.ofOperation(operation)
    const findings = (plan?.findings ?? []).map(
      finding => `${finding.class} ${finding.address} → ${finding.action}`,
    )
    return { plan, findings }
  }

  it('are taken over from the IPAM until that was applied once; a name that no host can have is told', async () => {
    rename(first, 'theirs.example.org')
    rename(second, 'not_a_name')
    const expected = [`ptr ${first} → import`, `ptr ${second} → report`]
    expect((await reconcile()).findings).toEqual(expected)
    const { plan, findings } = await reconcile()
    expect([findings, plan?.policies['ptr']]).toEqual([expected, 'fix-ours'])

    stage.calm()
    await stage.app.desk.reconciliations.apply(admin, plan?.hash ?? '', signal)
    await stage.runAll()
    expect(stage.calls).not.toContain('request')
    expect(await stage.addresses('p1')).toMatchObject([{ address: first, ptr: 'theirs.example.org' }])
    expect(await stage.told('p1', 'ptr.updated')).toMatchObject([
      { address: first, ptr: 'theirs.example.org' },
    ])
  })

  it('are ours from then on, the name that was taken over too', async () => {
    rename(first, 'again.example.org')
    expect((await reconcile()).findings).toEqual([`ptr ${first} → ptr`, `ptr ${second} → ptr`])
    const { plan } = await reconcile()
    await stage.app.desk.reconciliations.apply(admin, plan?.hash ?? '', signal)
    await stage.runAll()
    expect(stage.record(first)?.ptr).toBe('theirs.example.org')
    expect(stage.record(second)?.ptr).toBe('p2.example.net')
    expect((await reconcile()).findings).toEqual([])
  })

  it('give way to what billing says later', async () => {
    const change = events.ptrChanged(first, 'billing.example.org', { service: 'p1' })
    await stage.send({ ...change, time: new Date(Date.now() + 60_000).toISOString() })
    await stage.runAll()
    expect(stage.record(first)?.ptr).toBe('billing.example.org')
    expect((await reconcile()).findings).toEqual([])
  })
})
