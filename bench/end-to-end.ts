import { setTimeout as sleep } from 'node:timers/promises'
import { createApp } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'
import type { Actor } from '../src/desk/actor.ts'
import { createLog } from '../src/log.ts'
import { peakMemoryMb, type Stage, stop } from './stage.ts'

const bench: Actor = { name: 'bench', role: 'admin' }
const batchSize = 500

/**
 * Events to active assignments: this process takes the events in, one worker process does the rest. Counted
 * from the first event's arrival to the last assignment, by PostgreSQL's clock.
 */
export async function endToEnd(stage: Stage, count: number) {
  const app = await createApp(loadConfig(stage.env), createLog('warn'))
  const worker = stage.spawn(['worker'])
  try {
    await app.desk.pools.add(bench, { name: 'bench', cidr: '10.0.0.0/8', connection: 'builtin' })
    await app.desk.servers.add(bench, { name: 'node1', panel: 'none', connection: 'builtin' })
    // A first few thousand warm up what a long-running worker has warm.
    await play(app, 'warm', Math.min(2_000, count))
    await untilActive(app, 'warm', Math.min(2_000, count))
    await play(app, 'run', count)
    await untilActive(app, 'run', count)
    const [row] = await app.db.$queryRaw<{ seconds: number }[]>`
      select extract(epoch from max(a.assigned_at) - min(e.received_at))::float8 as seconds
      from assignment a, event e where a.service_id like 'run-%' and e.event_id like 'run-%'`
    return {
      perSecond: Math.round(count / (row?.seconds ?? 1)),
      count,
      workerPeakMb: await peakMemoryMb(worker.pid),
    }
  } finally {
    await stop(worker)
    await app.close()
  }
}

export type BenchApp = Awaited<ReturnType<typeof createApp>>

async function play(app: BenchApp, run: string, count: number): Promise<void> {
  for (let first = 0; first < count; first += batchSize) {
    const size = Math.min(batchSize, count - first)
    await app.intake.accept(
      Array.from({ length: size }, (_, n) => serviceCreated(`${run}-${first + n}`)),
      'http',
    )
  }
}

export function serviceCreated(id: string) {
  const service = {
    id,
    kind: 'vps',
    client: `client-${id.length}`,
    domain: `${id}.example.net`,
    server: 'node1',
  }
  return {
    specversion: '1.0',
    id,
    source: '/bench',
    type: 'service.created',
    time: new Date().toISOString(),
    data: { service },
  }
}

async function untilActive(app: BenchApp, run: string, count: number): Promise<void> {
  for (;;) {
    const active = await app.db.outbox.count({
      where: { type: 'address.assigned', serviceId: { startsWith: `${run}-` } },
    })
    if (active >= count) return
    await sleep(250)
  }
}
