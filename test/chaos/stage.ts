import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import type { Actor } from '../../src/desk/actor.ts'
import { createLog } from '../../src/log.ts'
import type { IpmanagerState } from '../../src/simulators/ipmanager/state.ts'

export const operator: Actor = { name: 'chaos', role: 'admin' }

/** How long the IPAM keeps an address that was given back, and the pools of our own do. */
export const cooldownSeconds = 5

/** Where services run: on the first two their addresses come from IPmanager, on the third from a pool of ours. */
export const servers = ['node1', 'node2', 'node3'] as const

const accounts = {
  user: { name: 'bill', password: 'bill-password' },
  admin: { name: 'bill_admin', password: 'admin-password' },
}

/** What the panel has in the beginning: more addresses than are ever wanted at once. */
export const panelState: IpmanagerState = {
  networks: [{ cidr: '10.32.0.0/18' }, { cidr: '2001:db8:5::/64' }],
  groups: [{ name: 'public' }],
  users: [
    { ...accounts.admin, level: 29, rights: [], hidden: [] },
    {
      ...accounts.user,
      level: 16,
      rights: [
        { range: '10.32.0.0/18', iptype: 'public' },
        { range: '2001:db8:5::/64', iptype: 'public' },
      ],
      hidden: [],
    },
  ],
  behaviour: { checkingSeconds: cooldownSeconds },
}

/** Furnishes an empty database: the IPAMs, servers and pools, and a token for billing. @returns the token */
export async function setStage(env: Record<string, string>, panelUrl: string): Promise<string> {
  const app = await createApp(loadConfig(env), createLog('error'))
  try {
    await app.migrate()
    const { desk } = app
    await desk.connections.add(operator, {
      name: 'ipm',
      driver: 'ipmanager',
      url: panelUrl,
      login: accounts.user.name,
      password: accounts.user.password,
      adminlogin: accounts.admin.name,
      adminpassword: accounts.admin.password,
    })
    const [first, second, third] = servers
    for (const name of [first, second])
      await desk.servers.add(operator, { name, panel: 'none', connection: 'ipm' })
    await desk.servers.add(operator, { name: third, panel: 'none', connection: 'builtin' })
    const pool = { quarantineSeconds: cooldownSeconds, connection: 'builtin' }
    await desk.pools.add(operator, { ...pool, name: 'v4', cidr: '10.64.0.0/20' })
    await desk.pools.add(operator, { ...pool, name: 'v6', cidr: '2001:db8:64::/64' })
    return (await desk.tokens.add(operator, { name: 'billing', role: 'billing' })).token
  } finally {
    await app.close()
  }
}
