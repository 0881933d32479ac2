import { admin } from './api.ts'
import { startTestApp, type TestApp } from './app.ts'
import {
  billAccounts,
  billUsers,
  type Ipmanager,
  type IpmanagerOptions,
  startIpmanager,
} from './ipmanager.ts'

/** ipbridge whose server node1 takes its addresses from a panel, through the connection `ipm`. */
export interface PanelApp {
  app: TestApp
  panel: Ipmanager
  shutDown(): Promise<void>
}

/** @param given.connection what the connection has beyond URL and accounts */
export async function startPanelApp(
  given: {
    panel?: IpmanagerOptions
    app?: Parameters<typeof startTestApp>[0]
    connection?: Record<string, unknown>
  } = {},
): Promise<PanelApp> {
  const panel = await startIpmanager(given.panel)
  const app = await startTestApp(given.app)
  await app.desk.connections.add(admin, {
    name: 'ipm',
    driver: 'ipmanager',
    url: panel.url,
    ...billAccounts,
    ...given.connection,
  })
  await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'ipm' })
  return {
    app,
    panel,
    async shutDown() {
      await app.shutDown()
      await panel.stop()
    },
  }
}

/** A panel with one network, and a user who may take from all of it. */
export function panelWith(range: string): IpmanagerOptions {
  return {
    state: {
      networks: [{ cidr: range }],
      groups: [{ name: 'public' }],
      users: billUsers([{ range, iptype: 'public' }]),
    },
  }
}
