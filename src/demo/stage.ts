import type { Actor } from '../desk/actor.ts'
import type { Desk } from '../desk/desk.ts'

export const demoActor: Actor = { name: 'demo', role: 'admin' }

/** The service that had its address before ipbridge came: the built-in IPAM does not know, and will offer it. */
export const settled = { id: 'vps-900', address: '198.51.100.5' }

/** So many addresses has the pool that gets full: two fewer than are wanted. */
export const smallPool = { name: 'dedicated-eu', cidr: '192.0.2.64/29', gateway: '192.0.2.65' }

const pools = [
  { name: 'vps-eu', cidr: '198.51.100.0/24', gateway: '198.51.100.1', priority: 10, lowWater: 20 },
  { name: 'vps-v6', cidr: '2001:db8:100::/64', priority: 10 },
  { name: 'chosen-eu', cidr: '203.0.113.0/24', gateway: '203.0.113.1', priority: 20 },
  { name: 'chosen-v6', cidr: '2001:db8:200::/64', priority: 20 },
  // A quarantine short enough to see it end.
  { ...smallPool, priority: 30, quarantineSeconds: 1 },
]

const servers = [
  { name: 'node1', pools: ['vps-eu', 'vps-v6'] },
  { name: 'node2', pools: ['vps-eu', 'vps-v6'] },
  { name: 'node3', pools: ['vps-eu', 'vps-v6'] },
  { name: 'web1', pools: ['vps-eu', 'vps-v6'] },
  { name: 'rack1', pools: ['dedicated-eu'] },
]

/** Furnishes an empty ledger with what examples/events.ndjson relies on. */
export async function setStage(desk: Desk): Promise<void> {
  for (const pool of pools) await desk.pools.add(demoActor, { ...pool, connection: 'builtin' })
  for (const { name, pools } of servers) {
    await desk.servers.add(demoActor, { name, panel: 'none', connection: 'builtin', options: { pools } })
  }
  await desk.services.add(demoActor, {
    id: settled.id,
    kind: 'vps',
    client: 'c-100',
    domain: 'old-hand.example',
    server: 'node1',
    addresses: [settled.address],
  })
}
