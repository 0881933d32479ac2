import type { IpamFactory } from '../../src/ipam/connections.ts'
import { memoryIpam } from '../../src/ipam/memory.ts'
import { type Memory, rememberMap } from '../../src/simulators/remember.ts'
import { admin } from '../helpers/api.ts'
import type { TestApp } from '../helpers/app.ts'
import { billAccounts, billUsers, startIpmanager } from '../helpers/ipmanager.ts'
import { type Calls, told } from './told.ts'
import type { Watch } from './watch.ts'

/** An IPAM that workers die on. */
export interface IpamSubject {
  name: string
  /** Whether it is outside the ledger, and so may forget or lie. */
  isOutside: boolean
  start(watch: Watch): Promise<IpamRig>
}

export interface IpamRig {
  /** The name of its connection. */
  connection: string
  drivers: Record<string, IpamFactory>
  /** Enters it as a connection, with its pools. */
  enter(app: TestApp): Promise<void>
  /** Forgets whom its addresses belong to: somebody has freed them by hand, all of them or one. */
  forget(address?: string): void
  /** One address is freed, another is named, and a third is held for an assignment that nobody knows of. */
  drift(freed: string, named: string, left: string): void
  remember(): Memory
  stop(): Promise<void>
}

export const layout = { main: '10.0.0.0/22', other: '10.1.0.0/28', six: '2001:db8:0:1::/124' }
const gateways = { main: '10.0.0.1', other: '10.1.0.1', six: '2001:db8:0:1::1' }

const calls: Calls = {
  findByMarker: 'reads',
  read: 'reads',
  list: 'reads',
  check: 'reads',
  request: 'changes',
  setPtr: 'changes',
  release: 'changes',
  claim: 'changes',
}

const strangeName = 'strange.example.org'
/** Of an id that ipbridge cannot have given: else the ledger could be a restored one, and the record is let alone. */
const orphanMarker = 'ipb:01890000-0000-4000-8000-000000000001'

function inTheLedger(): never {
  throw new Error('its books are in the ledger')
}

const nothing: Memory = { all: null, recall: () => {} }

const memory: IpamSubject = {
  name: 'memory',
  isOutside: true,
  async start(watch) {
    const books = memoryIpam({ pools: layout })
    return {
      connection: 'ipam',
      drivers: { memory: () => told(watch, 'ipam', books, calls) },
      enter: async app => void (await app.desk.connections.add(admin, { name: 'ipam', driver: 'memory' })),
      forget: address => (address === undefined ? books.records.clear() : books.records.delete(address)),
      drift(freed, named, left) {
        books.records.delete(freed)
        const record = books.records.get(named)
        if (record) books.records.set(named, { ...record, ptr: strangeName })
        books.records.set(left, { address: left, marker: orphanMarker, owner: 'nobody main' })
      },
      remember: () => rememberMap(books.records),
      stop: async () => {},
    }
  },
}

const builtin: IpamSubject = {
  name: 'built-in',
  isOutside: false,
  async start() {
    return {
      connection: 'builtin',
      drivers: {},
      async enter(app) {
        const common = { quarantineSeconds: 3_600, connection: 'builtin' }
        for (const [index, [name, cidr]] of Object.entries(layout).entries()) {
          await app.desk.pools.add(admin, { ...common, name, cidr, priority: 100 * (index + 1) })
        }
      },
      forget: inTheLedger,
      drift: inTheLedger,
      remember: () => nothing,
      stop: async () => {},
    }
  },
}

/** @param keepsNotes panels that keep no notes have the marker in the PTR and in the ledger */
const ipmanager = (name: string, keepsNotes: boolean): IpamSubject => ({
  name,
  isOutside: true,
  async start() {
    const panel = await startIpmanager({
      behaviour: { notes: keepsNotes },
      state: {
        networks: Object.values(layout).map(cidr => ({ cidr })),
        groups: Object.keys(layout).map(group => ({ name: group })),
        users: billUsers(Object.entries(layout).map(([iptype, range]) => ({ range, iptype }))),
      },
    })
    return {
      connection: 'ipm',
      drivers: {},
      async enter(app) {
        await app.desk.connections.add(admin, {
          name: 'ipm',
          driver: 'ipmanager',
          url: panel.url,
          ...billAccounts,
          options: {
            groups: Object.keys(layout),
            networks: Object.entries(layout).map(([pool, cidr]) => ({
              cidr,
              gateway: gateways[pool as keyof typeof layout],
            })),
            ...(keepsNotes ? {} : { marker: 'ptr' }),
          },
        })
      },
      forget(address) {
        const all = panel.books.held({ owner: 'bill' }).map(({ ip }) => ip)
        for (const ip of address === undefined ? all : [address]) panel.drift.release(ip)
      },
      drift(freed, named, left) {
        panel.drift.release(freed)
        panel.drift.rename(named, strangeName)
        panel.drift.grant(left, { owner: 'bill', iptype: 'main', note: orphanMarker })
      },
      remember: panel.remember,
      stop: () => panel.stop(),
    }
  },
})

export const ipams = {
  memory,
  builtin,
  ipmanager: ipmanager('IPmanager', true),
  withoutNotes: ipmanager('IPmanager without notes', false),
}
