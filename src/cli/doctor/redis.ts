import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../../app.ts'
import { bad, type Check, examine, ok, warning } from './check.ts'

type Client = NonNullable<App['queues']['redis']>
type Node = Pick<Client, 'info' | 'call'>

const connectMs = 3_000
const oldestVersion = [6, 2] as const

const reach =
  'see that Redis runs and that it can be reached from here as REDIS_URL says; what is due is done when it is back'

/** The queue: Redis and how it is set up, or nothing more than PostgreSQL. */
export function checkQueue({ queues }: App): Promise<Check[]> {
  const { redis } = queues
  if (redis === undefined) return Promise.resolve([ok('queue', 'in PostgreSQL, as REDIS_URL is not set')])
  return examine('Redis', reach, async () => {
    await untilReady(redis)
    const nodes: Node[] = 'nodes' in redis ? redis.nodes('master') : [redis]
    return (await Promise.all(nodes.map(checkNode))).flat()
  })
}

/** Says why, where the connection does not come about. */
async function untilReady(redis: Client): Promise<void> {
  let reason = `no connection within ${connectMs / 1_000} seconds`
  const note = (error: Error) => {
    reason = error.message
  }
  redis.on('error', note)
  const deadline = performance.now() + connectMs
  while (redis.status !== 'ready') {
    if (performance.now() > deadline) throw new Error(reason)
    await sleep(20)
  }
  redis.off('error', note)
}

async function checkNode(node: Node): Promise<Check[]> {
  const info = fieldsOf(await node.info())
  return [checkVersion(info), checkPolicy(info), await checkPersistence(node, info)]
}

function checkVersion(info: Map<string, string>): Check {
  const version = info.get('redis_version') ?? '0'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isOld = major < oldestVersion[0] || (major === oldestVersion[0] && minor < oldestVersion[1])
  return isOld ? bad('Redis', version, 'upgrade it to version 6.2 or later') : ok('Redis', version)
}

function checkPolicy(info: Map<string, string>): Check {
  const policy = info.get('maxmemory_policy') ?? 'unknown'
  const found = `maxmemory-policy is ${policy}`
  if (policy === 'noeviction') return ok('Redis memory', found)
  const todo =
    'set `maxmemory-policy noeviction`, in redis.conf and with CONFIG SET: else it drops jobs when memory is short'
  return bad('Redis memory', found, todo)
}

/** Operations are in PostgreSQL; only events that billing put on `billing-events` are as durable as Redis is. */
async function checkPersistence(node: Node, info: Map<string, string>): Promise<Check> {
  if (info.get('aof_enabled') === '1') return ok('Redis persistence', 'AOF')
  const todo = 'set `appendonly yes`: events on the queue billing-events are only as durable as Redis is'
  // Managed Redis often forbids CONFIG; then the last snapshot has to tell.
  const saves = await node.call('CONFIG', 'GET', 'save').catch(() => undefined)
  const schedule = Array.isArray(saves) ? String(saves[1] ?? '') : undefined
  if (schedule) return warning('Redis persistence', `snapshots only (save ${schedule})`, todo)
  return warning('Redis persistence', schedule === undefined ? 'no AOF' : 'none', todo)
}

function fieldsOf(info: string): Map<string, string> {
  return new Map(
    info.split(/\r?\n/).flatMap(line => {
      const at = line.indexOf(':')
      return at > 0 && !line.startsWith('#') ? [[line.slice(0, at), line.slice(at + 1)] as const] : []
    }),
  )
}
