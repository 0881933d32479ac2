import { afterAll, beforeAll, describe } from 'vitest'
import { createNotes } from '../../src/db/notes.ts'
import type { OpenConnection } from '../../src/db/registry.ts'
import { createTurns } from '../../src/db/turns.ts'
import { ipmanager } from '../../src/ipam/ipmanager/driver.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { type Ipmanager, startIpmanager } from '../helpers/ipmanager.ts'
import { ipmanagerConnection } from '../helpers/ipmanager-connection.ts'
import { type IpamFault, ipamContract, type Layout, type Remote } from './ipam.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

/** Faults as the simulator knows them. */
const faults = {
  busy: { what: 'status', status: 503 },
  'lost before': { what: 'drop' },
  'lost after': { what: 'drop', afterEffect: true },
  'empty answer': { what: 'empty-body' },
  'garbage answer': { what: 'html' },
  silence: { what: 'slow', ms: 60_000 },
} as const satisfies Record<IpamFault, object>

const users = (layout: Layout) => [
  { name: 'bill_admin', password: 'admin-password', level: 29, rights: [], hidden: [] },
  {
    name: 'bill',
    password: 'bill-password',
    level: 16,
    rights: Object.entries(layout).map(([iptype, range]) => ({ range, iptype })),
    hidden: [],
  },
]

/** A connection to the panel; markers of panels without notes are kept in the ledger. */
async function connect(panel: Ipmanager, layout: Layout, given: Partial<OpenConnection>) {
  const { db } = database
  const options = { groups: Object.keys(layout), pageSize: 20, ...given.options }
  const connection = ipmanagerConnection({ url: panel.url, ...given, options })
  const { id, driver } = connection
  await db.connection.create({ data: { id, name: id, driver } })
  const notes = createNotes(db)
  const turns = createTurns(db, { worker: 'test' })
  return (change: Partial<OpenConnection> = {}) => ipmanager({ ...connection, ...change }, { notes, turns })
}

function remoteOf(
  panel: Ipmanager,
  drivers: (change: Partial<OpenConnection>) => ReturnType<typeof ipmanager>,
) {
  return {
    fail(fault, on, nth = 1) {
      const func = on === 'change' ? ['ip.edit', 'ip.delete'] : ['ip', 'ip.edit']
      panel.faults.add({ ...faults[fault], func, submit: on === 'change', skip: nth - 1, times: 1 })
    },
    heal: () => panel.faults.clear(),
    wrongPassword: () => ({
      driver: drivers({ password: 'bill-passw0rd', adminPassword: 'bill-passw0rd' }),
      password: 'bill-passw0rd',
    }),
    unreachable: () => drivers({ url: 'http://127.0.0.1:9/ipmgr' }),
  } satisfies Remote
}

function contractFor(
  options: Record<string, unknown>,
  behaviour: Parameters<Ipmanager['panel']['behave']>[0] = {},
) {
  ipamContract({
    name: 'ipmanager',
    abilities: { reads: 'marker', pools: true, ptr: true, requestsSpecific: true },
    network: true,
    many: 50,
    async make(layout) {
      const panel = await startIpmanager({
        state: {
          networks: Object.values(layout).map(cidr => ({ cidr })),
          groups: Object.keys(layout).map(name => ({ name, label: `Group ${name}` })),
          users: users(layout),
        },
        behaviour,
      })
      const drivers = await connect(panel, layout, { options })
      return {
        driver: drivers(),
        hold: async address => panel.drift.grant(address, { owner: 'other', iptype: 'wide' }),
        remote: remoteOf(panel, drivers),
        close: () => panel.stop(),
      }
    },
  })
}

describe.each(['authinfo', 'session', 'key'])('Signed in by %s,', signIn => {
  describe.each(['json', 'sjson', 'xml'])('in %s:', format => {
    contractFor({ signIn, format })
  })
})

describe('On a panel that keeps no notes:', () => {
  contractFor({ marker: 'ptr' }, { notes: false })
})
