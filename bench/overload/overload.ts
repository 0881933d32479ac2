import { setTimeout as sleep } from 'node:timers/promises'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { freePort } from '../../src/db/embedded/free-port.ts'
import type { Actor } from '../../src/desk/actor.ts'
import { createLog } from '../../src/log.ts'
import { untilUp } from '../api-client.ts'
import { type Stage, stop } from '../stage.ts'
import { rush, type Told } from './billing.ts'
import { businessOf } from './events.ts'
import { type Verdict, verdict } from './verdict.ts'
import { openOperations, type Sample, watch } from './watch.ts'

const bench: Actor = { name: 'bench', role: 'admin' }

export interface OverloadOptions {
  /** How long events come faster than they can be done. */
  seconds: number
  /** How many events are done first, to see how fast that goes. */
  rehearsal: number
  /** How much more comes than that. */
  factor: number
  /** How many operations may wait before events are refused. */
  backlog: number
  /** Operations that the worker works on at once. */
  concurrency?: number
  note: (text: string) => void
}

export interface OverloadReport {
  /** Events a second that the worker manages while nothing comes in. */
  manages: number
  perSecond: number
  batch: number
  told: Told
  samples: Sample[]
  drainSeconds: number
  verdict: Verdict
}

/**
 * More than can be done: an API and a worker, processes of their own, and a billing core that has twice as many events
 * as the worker manages, for minutes. Then everything that was accepted must get done, exactly once.
 */
export async function overload(
  stage: Pick<Stage, 'env' | 'spawn'>,
  options: OverloadOptions,
): Promise<OverloadReport> {
  const { seconds, rehearsal, factor, backlog, concurrency = 300, note } = options
  // Whoever judges may take his time.
  const app = await createApp(loadConfig(stage.env), createLog('error'), { silenceMs: 600_000 })
  const port = await freePort()
  try {
    await app.desk.pools.add(bench, { name: 'overload', cidr: '10.0.0.0/8', connection: 'builtin' })
    await app.desk.servers.add(bench, { name: 'node1', panel: 'none', connection: 'builtin' })
    const { token } = await app.desk.tokens.add(bench, { name: 'overload', role: 'billing' })
    const api = stage.spawn(['api'], { PORT: `${port}`, IPBRIDGE_MAX_BACKLOG: `${backlog}` })
    const worker = stage.spawn(['worker', '--concurrency', `${concurrency}`])
    await untilUp(port)

    const manages = await rehearse(app, rehearsal)
    const perSecond = Math.round(manages * factor)
    const batch = Math.max(1, Math.ceil(perSecond / 100))
    // What is measured is how it is for minutes, not the first answers of a process that has just begun.
    const warmUp = {
      next: businessOf('warm-up').next,
      perSecond: manages,
      seconds: Math.min(10, seconds / 5),
    }
    await rush({ port, token, batch, ...warmUp })
    note(`the worker manages ${manages} events a second; now come ${perSecond}, for ${seconds} seconds`)
    const watching = watch(app.db, { api: api.pid, worker: worker.pid })
    const { next } = businessOf('rush')
    const told = await rush({ port, token, next, perSecond, batch, seconds })
    const open = await openOperations(app.db)
    note(`${told.accepted.size} events are accepted; ${open} operations are still to be done`)
    const drainSeconds = await drain(app, note)
    await watching.stop()
    await stop(api)
    await stop(worker)
    note('judging')
    const { samples } = watching
    return {
      manages,
      perSecond,
      batch,
      told,
      samples,
      drainSeconds,
      verdict: await verdict(app, { told, samples }),
    }
  } finally {
    await app.close()
  }
}

export type OverloadApp = Awaited<ReturnType<typeof createApp>>

/** @returns how many events a second are done from the first to the last */
async function rehearse(app: OverloadApp, count: number): Promise<number> {
  const { next } = businessOf('rehearsal')
  const size = 500
  for (let sent = 0; sent < count; sent += size) {
    await app.intake.accept(Array.from({ length: Math.min(size, count - sent) }, next), 'http')
  }
  const begun = performance.now()
  const already = await app.db.operation.count({ where: { endedAt: { not: null } } })
  while ((await openOperations(app.db)) > 0) await sleep(100)
  const ended = await app.db.operation.count({ where: { endedAt: { not: null } } })
  return Math.max(1, Math.round((ended - already) / ((performance.now() - begun) / 1000)))
}

/** Waits until all is done. @returns how long that took, in seconds */
async function drain(app: OverloadApp, note: (text: string) => void): Promise<number> {
  const begun = performance.now()
  let [open, toldAt] = [await openOperations(app.db), begun]
  while (open > 0) {
    await sleep(500)
    const now = await openOperations(app.db)
    if (performance.now() - toldAt > 30_000) {
      toldAt = performance.now()
      note(`${now} operations are still to be done`)
    }
    open = now
  }
  return Math.round((performance.now() - begun) / 1000)
}
