import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import type { Actor } from '../../src/desk/actor.ts'
import { backend, queueMissing, startTestApp } from '../helpers/app.ts'
import { events } from '../helpers/events.ts'
import { startRedis, startSentinel, type TestRedis } from '../helpers/redis.ts'
import { until } from '../helpers/until.ts'

const admin: Actor = { name: 'test', role: 'admin' }
const run = promisify(execFile)

describe.skipIf(queueMissing || backend !== 'redis')('the queue on Redis', () => {
  const servers: TestRedis[] = []

  afterEach(async () => {
    await Promise.all(servers.splice(0).map(server => server.stop()))
  })

  async function start(extra: string[] = []): Promise<TestRedis> {
    const server = await startRedis(extra)
    if (server === undefined) throw new Error('redis-server did not start')
    servers.push(server)
    return server
  }

  /** One service through the whole of ipbridge on this Redis. */
  async function playOneService(url: string): Promise<void> {
    const app = await startTestApp({ env: { REDIS_URL: url } })
    try {
      await app.desk.pools.add(admin, { name: 'v4', cidr: '192.0.2.0/24', connection: 'builtin' })
      await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
      const [receipt] = await app.intake.accept([events.created({ id: 'vps-1' })], 'http')
      const states = await app.desk.operations.settled(receipt?.operations ?? [], 20_000)
      expect([...states.values()]).toEqual(['done'])
    } finally {
      await app.shutDown()
    }
  }

  it('follows the master that the sentinels name', async () => {
    const master = await start()
    const sentinel = await startSentinel('billing-master', master)
    if (sentinel === undefined) throw new Error('the sentinel did not start')
    servers.push(sentinel)
    await playOneService(`redis+sentinel://127.0.0.1:${sentinel.port}/billing-master`)
  })

  it('keeps all keys of a queue in one slot of a cluster', async () => {
    const nodes = await Promise.all([1, 2, 3].map(() => start(['--cluster-enabled', 'yes'])))
    const addresses = nodes.map(node => `127.0.0.1:${node.port}`)
    await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '0', '--cluster-yes'])
    await until('the cluster is formed', async () => {
      const { stdout } = await run('redis-cli', ['-p', `${nodes[0]?.port}`, 'cluster', 'info'])
      return stdout.includes('cluster_state:ok')
    })
    await playOneService(`redis+cluster://${addresses.join(',')}`)
  })
})
