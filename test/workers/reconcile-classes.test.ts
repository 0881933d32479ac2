import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { IpamDriver, IpamRecord } from '../../src/ipam/driver.ts'
import { memoryIpam } from '../../src/ipam/memory.ts'
import { memoryPanel } from '../../src/panels/memory.ts'
import { admin } from '../helpers/api.ts'
import { startTestApp, type TestApp } from '../helpers/app.ts'
import { type Filled, fillLedger, recordOf } from '../helpers/books.ts'

const signal = new AbortController().signal

/** Far more than any page, chunk or stride. TEST_DRIFT_COUNT=100000 takes some three times as long. */
const count = Number(process.env['TEST_DRIFT_COUNT'] ?? 30_000)
const spacing = Math.floor(count / 11)

/** Every class with a policy that does all that can be done about it. */
const policies = {
  foreign: 'adopt',
  owner: 'fix-theirs',
  conflict: 'fix-theirs',
  stuck: 'fix-ours',
  stray: 'fix-theirs',
  unconfigured: 'fix-theirs',
} as const

const numberOf = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)

describe('Drift of every class among many thousand addresses', () => {
  let app: TestApp
  let filled: Filled[]
  const books = memoryIpam({ pools: { main: '10.0.0.0/12' } })
  const panel = memoryPanel()
  const injected = new Set<string>()

  /** All records by address, which is sorted as a number: that takes a tenth of the time. */
  function inOrder(): IpamRecord[] {
    const keyed = [...books.records.values()].map(record => ({ record, key: numberOf(record.address) }))
    return keyed.sort((a, b) => a.key - b.key).map(({ record }) => record)
  }
  const listed: IpamDriver = {
    ...books,
    async *list() {
      yield* inOrder()
    },
  }

  beforeAll(async () => {
    app = await startTestApp({
      work: false,
      ipamDrivers: { memory: () => listed },
      panelDrivers: { memory: () => panel },
    })
    await app.desk.connections.add(admin, {
      name: 'ipam',
      driver: 'memory',
      options: { reconcile: { policies, maxReleases: 40 } },
    })
    await app.desk.servers.add(admin, { name: 'node', panel: 'memory', connection: 'ipam' })
    filled = await fillLedger(app, { connection: 'ipam', server: 'node', first: '10.0.0.1', count })
    for (const entry of filled) {
      books.records.set(entry.address, recordOf(entry))
      panel.books.set(`guest-${entry.service}`, {
        service: entry.service,
        addresses: new Map([[entry.address, entry.ptr]]),
      })
    }
    // A run without any difference: the PTRs of the IPAM are taken over, and ours win from now on.
    expect(await reconcile()).toMatchObject({ state: 'planned', counts: {}, compared: count })
  }, 180_000)
  afterAll(() => app.shutDown())

  async function reconcile() {
    const operation = await app.desk.reconciliations.start('ipam', 'operator:test')
    expect(await app.runner.run(operation)).toEqual({ result: 'settled', state: 'done' })
    const plan = await app.desk.reconciliations.ofOperation(operation)
    if (plan === undefined) throw new Error('there is no plan')
    return plan
  }
  const inject = (kind: string, address: string, change: () => void) => {
    injected.add(`${kind} ${address}`)
    change()
  }
  const edit = (address: string, change: Partial<IpamRecord>) =>
    books.records.set(address, { ...(books.records.get(address) as IpamRecord), ...change })

  /** Ten of each class that the IPAM and the panel can differ in, spread over all addresses. */
  function drift(): void {
    for (let n = 0; n < 10; n++) {
      const at = (offset: number) => filled[n * spacing + offset * 37] as Filled
      const free = (offset: number) => `10.8.${offset}.${n + 1}`
      const marker = `ipb:00000000-0000-4000-8000-0000000000${n + 10}`
      inject('missing', at(1).address, () => void books.records.delete(at(1).address))
      inject('foreign', at(2).address, () => {
        const { marker: _, owner: __, ...record } = books.records.get(at(2).address) as IpamRecord
        books.records.set(at(2).address, record)
      })
      inject('orphan', free(1), () => void books.records.set(free(1), { address: free(1), marker }))
      inject('unknown', free(2), () => void books.records.set(free(2), { address: free(2), owner: 'others' }))
      inject('ptr', at(3).address, () => edit(at(3).address, { ptr: `renamed-${n}.example.org` }))
      inject('owner', at(4).address, () => edit(at(4).address, { owner: 'somebody' }))
      inject('conflict', at(5).address, () => edit(at(5).address, { ptr: 'dns.set.error' }))
      inject('stray', `10.9.0.${n + 1}`, () =>
        panel.books.get(`guest-${at(6).service}`)?.addresses.set(`10.9.0.${n + 1}`, undefined),
      )
      inject('unconfigured', at(7).address, () =>
        panel.books.get(`guest-${at(7).service}`)?.addresses.delete(at(7).address),
      )
    }
  }

  /** A failed allocation, which leaves its slot without an address. */
  async function stick(): Promise<void> {
    const { id, service, address } = filled[spacing * 10 + 7] as Filled
    await app.db.assignment.update({ where: { id }, data: { state: 'reserved' } })
    await app.db.operation.create({
      data: {
        id: '00000000-0000-7000-8000-0000000000aa',
        kind: 'allocate',
        state: 'failed',
        serviceId: service,
        assignmentId: id,
        cause: 'event:test',
        errorCode: 'panel_refused',
        errorMessage: 'no',
        endedAt: new Date(),
      },
    })
    injected.add(`stuck ${address}`)
  }

  it('is found whole, and nothing else; once applied, the next run finds nothing, and nothing live was released', async () => {
    drift()
    await stick()
    const first = await reconcile()
    expect(first.findings.map(({ class: kind, address }) => `${kind} ${address}`).sort()).toEqual(
      [...injected].sort(),
    )
    expect(first.findings.every(({ change }) => change === 'new')).toBe(true)
    const actions = Object.fromEntries(first.findings.map(({ class: kind, action }) => [kind, action]))
    expect(actions).toEqual({
      missing: 'allocate',
      foreign: 'adopt',
      orphan: 'report',
      unknown: 'report',
      ptr: 'ptr',
      owner: 'adopt',
      conflict: 'ptr',
      stuck: 'retry',
      stray: 'report',
      unconfigured: 'allocate',
    })

    const second = await reconcile()
    expect(second.changes).toEqual({ new: 0, still: injected.size, gone: 0, ignored: 0 })
    expect(second.findings.find(({ class: kind }) => kind === 'orphan')).toMatchObject({ action: 'release' })
    expect(second.findings.find(({ class: kind }) => kind === 'stray')).toMatchObject({ action: 'unassign' })
    await app.desk.reconciliations.review(admin, second.id, [{ class: 'unknown', decision: 'ignore' }])
    const { hash } = await app.desk.reconciliations.show(second.id)
    expect(hash).not.toBe(second.hash)
    const { operations } = await app.desk.reconciliations.apply(admin, hash ?? '', signal)
    expect(operations).toHaveLength(injected.size - 10)
    for (const id of operations) expect(await app.runner.run(id)).toMatchObject({ state: 'done' })

    const third = await reconcile()
    expect(third.counts).toEqual({})
    expect(third.changes).toEqual({ new: 0, still: 0, gone: injected.size - 10, ignored: 10 })
    const expected = [
      ...filled.map(({ address, id, ptr }) => `${address} ipb:${id} ${ptr}`),
      ...Array.from({ length: 10 }, (_, n) => `10.8.2.${n + 1} undefined undefined`),
    ]
    expect(inOrder().map(({ address, marker, ptr }) => `${address} ${marker} ${ptr}`)).toEqual(expected)
    const guests = [...panel.books.values()].flatMap(({ addresses }) => [...addresses.keys()])
    expect(guests.sort()).toEqual(filled.map(({ address }) => address).sort())
  }, 180_000)
})
