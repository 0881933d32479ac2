import { cpus, totalmem } from 'node:os'
import { loadConfig } from '../src/config.ts'
import { openDatabase } from '../src/db/client.ts'
import { createLog } from '../src/log.ts'
import { openQueues } from '../src/queue/backend.ts'
import { parseRedisUrl } from '../src/queue/redis-url.ts'
import { endToEnd } from './end-to-end.ts'
import { intake } from './intake.ts'
import { nextFree } from './next-free.ts'
import { queueNoop, untilConnected } from './queue-noop.ts'
import { type Comparison, reconcile } from './reconcile.ts'
import { printComparisons, printReport } from './report.ts'
import { sqlLimit } from './sql-limit.ts'
import { peakMemoryMb, type Stage, setStage } from './stage.ts'

/** How many jobs a worker process works on at once; the other parts use the same. */
const concurrency = 300

const quick = process.argv.includes('--quick')
const size = (full: number) => (quick ? Math.ceil(full / 10) : full)

/** How many addresses reconciliation compares. */
const reconciled = [10_000, 100_000, 1_000_000].map(size)

/** On a ledger of its own: the other parts have left addresses in theirs. `--only reconcile` runs this part alone. */
async function runReconcile(): Promise<{ reconcile: Comparison[] }> {
  const stage = await setStage({ name: 'reconcile', redis: false, embedded: false })
  try {
    return { reconcile: await reconcile(stage, reconciled) }
  } finally {
    await stage.tearDown()
  }
}

export type Report = Awaited<ReturnType<typeof run>>

async function run() {
  const note = (text: string) => process.stderr.write(`${text}\n`)
  const stage = await setStage({ name: 'redis', redis: true, embedded: false })
  if (stage.redisUrl === undefined) throw new Error('no Redis: set REDIS_URL, or install redis-server')
  try {
    note(`(a) events to active assignments, ${stage.redisUrl ? 'Redis' : 'PostgreSQL'} queue`)
    const through = await endToEnd(stage, size(20_000))
    note('(b) BullMQ alone')
    const noop = await queueNoop(stage, size(20_000), concurrency)
    note('(c) the bare SQL of an allocation')
    const limit = await sqlLimit(stage, size(10_000), concurrency)
    note('(d) next free address')
    const db = openDatabase(stage.databaseUrl)
    const latencies = await nextFree(db, size(500))
    const conditions = await describe(stage, db)
    await db.$disconnect()
    note('(e) intake over HTTP')
    const taken = await intake(stage, size(10_000))
    note('(g) reconciliation with a simulated IPmanager')
    const compared = (await runReconcile()).reconcile
    const embedded = await embeddedDefault(note)
    return {
      endToEnd: {
        perSecond: through.perSecond,
        ofSqlLimit: Number((through.perSecond / limit.perSecond).toFixed(2)),
      },
      queueNoop: { perSecond: noop.perSecond },
      sqlLimit: { perSecond: limit.perSecond },
      nextFree: latencies,
      intake: taken,
      memory: { maxRssMb: through.workerPeakMb, benchMb: await peakMemoryMb(process.pid) },
      reconcile: compared,
      embedded,
      conditions: { ...conditions, concurrency, allocations: through.count },
    }
  } finally {
    await stage.tearDown()
  }
}

/** The same on what a newcomer has: the embedded PostgreSQL, which also carries the queue. */
async function embeddedDefault(note: (text: string) => void) {
  note('(a) again, on the embedded default')
  const stage = await setStage({ name: 'embedded', redis: false, embedded: true })
  try {
    const through = await endToEnd(stage, size(5_000))
    const noop = await queueNoop(stage, size(5_000), concurrency)
    return {
      endToEnd: { perSecond: through.perSecond },
      queueNoop: { perSecond: noop.perSecond },
      memory: { maxRssMb: through.workerPeakMb },
    }
  } finally {
    await stage.tearDown()
  }
}

async function describe(stage: Stage, db: ReturnType<typeof openDatabase>) {
  const config = loadConfig(stage.env)
  const redis = config.redisUrl === undefined ? undefined : parseRedisUrl(config.redisUrl)
  const queues = openQueues({ redis, databaseUrl: stage.databaseUrl, log: createLog('silent') })
  await untilConnected(queues)
  const info = (await queues.redis?.info('server')) ?? ''
  await queues.close()
  const [row] = await db.$queryRaw<{ version: string; fsync: string; commit: string }[]>`
    select current_setting('server_version') as version, current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as commit`
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    postgres: `${row?.version} (fsync ${row?.fsync}, synchronous_commit ${row?.commit})`,
    redis: /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown',
    shared: 'the worker, this process, Redis and PostgreSQL share the same cores',
  }
}

const asJson = process.argv.includes('--json')
const writeJson = (report: unknown) => process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
if (process.argv.join(' ').includes('--only reconcile')) {
  const report = await runReconcile()
  if (asJson) writeJson(report)
  else printComparisons(report.reconcile)
} else {
  const report = await run()
  if (asJson) writeJson(report)
  else printReport(report)
}
