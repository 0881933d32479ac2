import type { EventInput } from '../../src/domain/events.ts'
import type { IpamDriver } from '../../src/ipam/driver.ts'
import { memoryIpam } from '../../src/ipam/memory.ts'
import type { PanelDriver } from '../../src/panels/driver.ts'
import { memoryPanel } from '../../src/panels/memory.ts'
import type { Ran } from '../../src/queue/runner.ts'
import { admin } from './api.ts'
import { startTestApp } from './app.ts'

/** What happens around a call of a driver: throw, wait, or change the world. */
type Cue = (call: string, args: readonly unknown[]) => unknown

/** Calls that give what they find one by one. */
const listings = new Set(['list', 'guests'])

const isCall = (value: unknown): value is (...args: unknown[]) => unknown => typeof value === 'function'

export type Stage = Awaited<ReturnType<typeof startStage>>

/**
 * A ledger on which nothing works by itself: a test sends events, and runs one operation after the other. The IPAM
 * and the panel are those in memory, and a test says what happens before and after each of their calls.
 */
export async function startStage() {
  const books = memoryIpam({ pools: { main: '10.0.0.0/16', other: '10.1.0.0/24', six: '2001:db8::/64' } })
  const panel = memoryPanel()
  const cues = { before: (() => {}) as Cue, after: (() => {}) as Cue }
  /** What was asked of the IPAM and of the panel, in order. */
  const calls: string[] = []
  /** What the drivers say of themselves, where a test wants them otherwise. */
  const traits: { ipam: Partial<IpamDriver>; panel: Partial<PanelDriver> } = { ipam: {}, panel: {} }

  function cued<T extends object>(driver: T, given: () => Partial<T>): T {
    return new Proxy(driver, {
      get(target, key) {
        const own = given()
        const value: unknown = Reflect.get(key in own ? own : target, key)
        if (!isCall(value) || typeof key !== 'string' || listings.has(key)) return value
        return async (...args: unknown[]) => {
          calls.push(key)
          await cues.before(key, args)
          const result = await value(...args)
          await cues.after(key, args)
          return result
        }
      },
    })
  }

  const app = await startTestApp({
    work: false,
    ipamDrivers: { memory: () => cued<IpamDriver>(books, () => traits.ipam) },
    panelDrivers: { memory: () => cued<PanelDriver>(panel, () => traits.panel) },
  })
  await app.desk.connections.add(admin, { name: 'ipam', driver: 'memory' })
  await app.desk.servers.add(admin, { name: 'node1', panel: 'memory', connection: 'ipam' })
  await app.desk.servers.add(admin, {
    name: 'node2',
    panel: 'none',
    connection: 'ipam',
    options: { pools: ['other'] },
  })
  await app.desk.connections.add(admin, {
    name: 'marked',
    driver: 'memory',
    conflictPtr: 'taken.example.org',
  })
  await app.desk.servers.add(admin, { name: 'node3', panel: 'none', connection: 'marked' })

  /** What is queued, in order, and due. */
  async function queued(): Promise<string[]> {
    const rows = await app.db.operation.findMany({ where: { state: 'queued' }, orderBy: { seq: 'asc' } })
    return rows.map(row => row.id)
  }

  return {
    app,
    books,
    panel,
    calls,
    cues,
    traits,

    /** Makes everything behave again. */
    calm(): void {
      cues.before = () => {}
      cues.after = () => {}
      traits.ipam = {}
      traits.panel = {}
      calls.length = 0
    },

    /** Takes events in. @returns their operations, in order; none of them runs yet */
    async send(...inputs: EventInput[]): Promise<string[]> {
      const receipts = await app.intake.accept(inputs, 'http')
      return receipts.flatMap(receipt => receipt.operations)
    },

    /** Runs an operation once. */
    run: (id: string | undefined): Promise<Ran> => app.runner.run(id ?? ''),

    /** Runs whatever is queued, until nothing is. */
    async runAll(): Promise<void> {
      for (let ids = await queued(); ids.length > 0; ids = await queued()) {
        for (const id of ids) await app.runner.run(id)
      }
    },

    operation: (id: string | undefined) => app.desk.operations.show(id ?? ''),

    /** The steps of an operation's latest try, as `name: outcome`. */
    async steps(id: string | undefined): Promise<string[]> {
      const { steps } = await app.desk.operations.show(id ?? '')
      const latest = Math.max(...steps.map(step => step.attempt))
      return steps.filter(step => step.attempt === latest).map(({ name, outcome }) => `${name}: ${outcome}`)
    },

    /** A service's live addresses. */
    addresses: async (service: string) => (await app.desk.services.show(admin, service)).addresses,

    /** What billing was told of a service, by type. */
    async told(service: string, type: string): Promise<unknown[]> {
      const rows = await app.db.outbox.findMany({
        where: { serviceId: service, type },
        orderBy: { id: 'asc' },
      })
      return rows.map(row => row.data)
    },

    /** The record in the IPAM that an assignment's address has. */
    record: (address: string | null | undefined) => books.records.get(address ?? ''),

    shutDown: () => app.shutDown(),
  }
}
