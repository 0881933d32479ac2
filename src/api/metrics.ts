import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { allQueues } from '../queue/names.ts'
import { guardAnswers } from './headers.ts'
import type { Parts } from './parts.ts'
import { may } from './roles.ts'
import { within } from './within.ts'

/** How long an answer serves at the least; what took longer to find out is kept fifty times as long. */
const freshMs = 5_000
const costFactor = 50

/** A part that takes longer to answer counts as away; a large ledger takes its time. */
const patienceMs = 15_000

/**
 * `/metrics` for Prometheus, without names of clients or services. Scrapes take at most two percent of the
 * database's time, however large the ledger is and however often they come.
 */
export function serveMetrics(app: FastifyInstance, { desk, queues, log }: Parts): void {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Gauge({ name: `ipbridge_${name}`, help, labelNames, registers: [registry] })

  const up = gauge('up', 'Whether the database and the queue answer', ['part'])
  const operations = gauge('operations', 'Operations', ['kind', 'state'])
  const oldestDue = gauge(
    'oldest_due_operation_seconds',
    'For how long the oldest due operation has been due',
  )
  const events = gauge('events', 'Events taken in', ['status'])
  const poolAddresses = gauge('pool_addresses', 'Addresses of a pool', ['pool', 'state'])
  const conflicts = gauge('conflicts_open', 'Unresolved conflicts')
  const reconciled = gauge('reconciled_seconds_ago', 'Seconds since a comparison last finished', [
    'connection',
  ])
  const overdue = gauge('reconcile_overdue', 'Whether no comparison has come to its end for two nights', [
    'connection',
  ])
  const jobs = gauge('queue_jobs', 'Jobs in a queue', ['queue', 'state'])
  const durations = new Histogram({
    name: 'ipbridge_http_request_duration_seconds',
    help: 'How long requests took to answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers: [registry],
  })

  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions } = request
    const labels = { method, route: routeOptions.url ?? 'none', status: reply.statusCode }
    durations.observe(labels, reply.elapsedTime / 1000)
  })

  async function measureLedger(): Promise<void> {
    const measures = await desk.health.measures()
    for (const each of [operations, events, poolAddresses, reconciled, overdue]) each.reset()
    for (const { kind, state, count } of measures.operations) operations.set({ kind, state }, count)
    for (const { status, count } of measures.events) events.set({ status }, count)
    for (const { name: pool, free, used, quarantined } of measures.pools) {
      poolAddresses.set({ pool, state: 'free' }, Number(free))
      poolAddresses.set({ pool, state: 'used' }, used)
      poolAddresses.set({ pool, state: 'quarantined' }, quarantined)
    }
    for (const { connection, secondsAgo } of measures.reconciled) reconciled.set({ connection }, secondsAgo)
    for (const connection of measures.overdue) overdue.set({ connection }, 1)
    oldestDue.set(measures.oldestDueSeconds)
    conflicts.set(measures.openConflicts)
  }

  async function measureQueues(): Promise<void> {
    const counted = allQueues.map(async queue => ({
      queue,
      counts: await queues.queue(queue).getJobCounts(),
    }))
    for (const { queue, counts } of await Promise.all(counted)) {
      for (const [state, count] of Object.entries(counts)) jobs.set({ queue, state }, count)
    }
  }

  const look = (part: string, measure: () => Promise<void>) =>
    sparingly(async () => {
      const error = await within(patienceMs, measure()).then(
        () => undefined,
        error => error,
      )
      up.set({ part }, error === undefined ? 1 : 0)
      if (error !== undefined) log.warn({ err: error, part }, 'metrics')
    })
  const lookAtLedger = look('database', measureLedger)
  const lookAtQueues = look('queue', measureQueues)

  app.get(
    '/metrics',
    { ...may('public'), onRequest: guardAnswers, schema: { hide: true } },
    async (_request, reply) => {
      await Promise.all([lookAtLedger(), lookAtQueues()])
      return reply.type(registry.contentType).send(await registry.metrics())
    },
  )
}

/** Does it again only when the last time is long enough ago; who asks meanwhile shares what is under way. */
function sparingly(work: () => Promise<void>): () => Promise<void> {
  let latest = Promise.resolve()
  let due = 0
  return () => {
    const begun = performance.now()
    if (begun < due) return latest
    due = Number.POSITIVE_INFINITY
    latest = work().finally(() => {
      const now = performance.now()
      due = now + Math.max(freshMs, (now - begun) * costFactor)
    })
    return latest
  }
}
