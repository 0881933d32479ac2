import {
  type ConnectionOptions,
  type Processor,
  Queue,
  runMigrations,
  Worker,
  type WorkerOptions,
} from 'bullmq'
import { Cluster, type Redis, type RedisOptions } from 'ioredis'
import pg from 'pg'
import { atMost } from '../at-most.ts'
import { openPool, usualSilenceMs } from '../db/pool.ts'
import type { Log } from '../log.ts'
import { allQueues } from './names.ts'
import type { RedisTarget } from './redis-url.ts'
import { sturdyPostgresBackend } from './sturdy-postgres.ts'
import { SturdyRedis } from './sturdy-redis.ts'

/** BullMQ on Redis or on PostgreSQL: nothing else in ipbridge knows which. */
export interface QueueBackend {
  readonly kind: 'redis' | 'postgres'
  /** A queue to add to. Adding fails at once while the queue is down, instead of waiting for it. */
  queue(name: string): Queue
  /** Begins to work on a queue. The processor must declare three plain parameters to be given the signal. */
  work(name: string, processor: Processor, options: Omit<WorkerOptions, 'connection' | 'prefix'>): Worker
  /** Throws unless the queue answers. */
  ping(): Promise<void>
  /** Redis only: for `ipbridge doctor`. */
  readonly redis: Redis | Cluster | undefined
  close(): Promise<void>
}

/** The schema that BullMQ keeps its tables in, and that a plain BullMQ producer looks in. */
const schema = 'bullmq'

/** Redis answers a worker that waits for jobs every five seconds: it must not be given up before. */
const leastSilenceMs = 6_000

/** How long the end of queues may take. */
const closeMs = 2_000

/**
 * Connects to the queue: Redis where a target is given, else the same PostgreSQL as the ledger.
 * @param options.silenceMs how long it may be silent before a connection is given up; default: 30 seconds
 */
export function openQueues(options: {
  redis: RedisTarget | undefined
  databaseUrl: string
  log: Log
  silenceMs?: number | undefined
}): QueueBackend {
  const { redis, databaseUrl, log, silenceMs = usualSilenceMs } = options
  return redis ? onRedis(redis, log, silenceMs) : onPostgres(databaseUrl, log, silenceMs)
}

/** Makes BullMQ's tables. Safe to repeat, and for many at once. */
export async function migrateQueueTables(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await runMigrations(client, schema)
  } finally {
    await client.end()
  }
}

function onRedis(target: RedisTarget, log: Log, silenceMs: number): QueueBackend {
  // A producer must fail fast; a worker must wait for Redis to come back. One connection cannot do both.
  // Redis may also be cut off without a word: a producer is not kept waiting for it, and a worker, which hears
  // from it every few seconds as long as all is well, connects anew.
  const patienceMs = Math.min(5_000, silenceMs)
  const producer = connect(
    target,
    {
      maxRetriesPerRequest: 1,
      enableOfflineQueue: false,
      commandTimeout: patienceMs,
      socketTimeout: patienceMs,
    },
    log,
  )
  const consumer = connect(
    target,
    { maxRetriesPerRequest: null, socketTimeout: Math.max(silenceMs, leastSilenceMs) },
    log,
  )
  const queues = new Map<string, Queue>()
  // Asking for the version fails while Redis is away, and a queue that failed to begin stays useless for good.
  const settings = { prefix: target.prefix, skipWaitingForReady: true, skipVersionCheck: true }

  return {
    kind: 'redis',
    redis: producer,
    queue: name =>
      remember(
        queues,
        name,
        () => new Queue(name, { ...settings, connection: producer as ConnectionOptions }),
        log,
      ),
    work: (name, processor, more) =>
      new Worker(name, processor, {
        ...more,
        prefix: target.prefix,
        connection: consumer as ConnectionOptions,
      }),
    async ping() {
      await producer.ping()
    },
    async close() {
      await closeAll(queues)
      producer.disconnect()
      consumer.disconnect()
    },
  }
}

function connect(target: RedisTarget, profile: RedisOptions, log: Log): Redis | Cluster {
  const { nodes, username, password, tls, db, master } = target
  const common: RedisOptions = {
    ...profile,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
  }
  const client = open()
  client.on('error', error => log.warn({ err: error }, 'redis'))
  return client

  function open(): Redis | Cluster {
    if (target.mode === 'cluster') {
      const { enableOfflineQueue = true } = profile
      return new Cluster(nodes, { redisOptions: common, enableOfflineQueue })
    }
    if (target.mode === 'sentinel') {
      return new SturdyRedis({ ...common, db, sentinels: nodes, name: master ?? '' })
    }
    return new SturdyRedis({ ...common, db, ...nodes[0] })
  }
}

function onPostgres(databaseUrl: string, log: Log, silenceMs: number): QueueBackend {
  const pool = openPool(
    {
      connectionString: databaseUrl,
      // Every worker keeps one connection to listen on.
      max: allQueues.length + 12,
      options: `-c search_path=${schema}`,
      application_name: 'ipbridge queue',
      // Many jobs share them, and may have to wait for their turn.
      connectionTimeoutMillis: silenceMs,
    },
    silenceMs,
  )
  pool.on('error', error => log.warn({ err: error }, 'queue database'))
  // Each queue and each worker listens to it.
  pool.setMaxListeners(2 * allQueues.length + 10)
  const queues = new Map<string, Queue>()
  const connection = pool as unknown as ConnectionOptions

  return {
    kind: 'postgres',
    redis: undefined,
    queue: name =>
      remember(
        queues,
        name,
        () => new Queue(name, { connection, skipWaitingForReady: true }, sturdyPostgresBackend),
        log,
      ),
    work: (name, processor, more) =>
      new Worker(name, processor, { ...more, connection }, sturdyPostgresBackend),
    async ping() {
      await pool.query('select 1')
    },
    async close() {
      await closeAll(queues)
      await pool.end()
    },
  }
}

/** Closes the queues in order, unless their server does not answer. */
function closeAll(queues: Map<string, Queue>): Promise<void> {
  return atMost(closeMs, Promise.allSettled([...queues.values()].map(queue => queue.close())))
}

function remember(queues: Map<string, Queue>, name: string, make: () => Queue, log: Log): Queue {
  const known = queues.get(name)
  if (known) return known
  const queue = make()
  // Without a listener an 'error' event would end the process.
  queue.on('error', error => log.warn({ err: error, queue: name }, 'queue'))
  queues.set(name, queue)
  return queue
}
