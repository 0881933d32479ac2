import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin } from '../helpers/api.ts'
import { type Stage, startStage } from '../helpers/stage.ts'

const taken = ['10.0.0.20', '10.0.0.21']

describe('Reconciliation of a service that was taken over without the id of its guest', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await startStage()
    const service = {
      id: 'taken',
      kind: 'vps',
      client: 'client-1',
      domain: 'taken.example.net',
      server: 'node1',
    }
    await stage.app.desk.services.add(admin, { ...service, addresses: taken })
    await stage.runAll()
    for (const address of taken) stage.books.records.set(address, { address })
    stage.panel.books.clear()
  })
  afterAll(() => stage.shutDown())

  /** What the panel has: a guest of its own making, which names no service of ours. */
  const guestHas = (...addresses: string[]) =>
    stage.panel.books.set('vm-7', {
      service: '',
      addresses: new Map(addresses.map(address => [address, undefined])),
    })

  async function findings() {
    const operation = await stage.app.desk.reconciliations.start('ipam', 'operator:test')
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    const plan = await stage.app.desk.reconciliations.ofOperation(operation)
    return (plan?.findings ?? [])
      .filter(finding => ['stray', 'unconfigured'].includes(finding.class))
      .map(({ class: kind, address, service, theirs }) => ({ kind, address, service, theirs }))
  }

  it('finds its guest by an address, and nothing wrong with it', async () => {
    guestHas(...taken)
    expect(await findings()).toEqual([])
  })

  it('tells what that guest lacks, and nothing of what it has', async () => {
    guestHas(taken[0] ?? '')
    const theirs = { server: 'node1', guest: 'vm-7' }
    expect(await findings()).toEqual([{ kind: 'unconfigured', address: taken[1], service: 'taken', theirs }])
  })

  it('tells that it has no guest where no guest has an address of its', async () => {
    guestHas('198.51.100.1')
    const theirs = { server: 'node1', guest: null }
    expect(await findings()).toEqual(
      taken.map(address => ({ kind: 'unconfigured', address, service: 'taken', theirs })),
    )
  })
})
