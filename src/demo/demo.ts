import { chmod, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type App, createApp } from '../app.ts'
import { listenForStop } from '../cli/signals.ts'
import { loadConfig } from '../config.ts'
import { removeEmbeddedPostgres } from '../db/embedded/postgres.ts'
import { takeSnapshot } from '../db/snapshot.ts'
import { checkInvariants } from '../domain/invariants.ts'
import { IpbridgeError } from '../errors.ts'
import { createLog } from '../log.ts'
import { packageRoot } from '../package-root.ts'
import { alwaysTrue, type Check, toldStories } from './checks.ts'
import { gatherFacts, messagesTold } from './facts.ts'
import { type Line, playLine, readScript } from './play.ts'
import * as report from './report.ts'
import { setStage, settled } from './stage.ts'

export interface DemoOptions {
  env: NodeJS.ProcessEnv
  out: (line: string) => void
  /** Events of your own, one JSON object a line; default: examples/events.ndjson. */
  file?: string
}

const ourFile = join(packageRoot, 'examples', 'events.ndjson')

/** So many lines are told at once, each for itself: calls that meet each other share a transaction, in their order. */
const atOnce = 25

/** How long the work of one day may take to come to rest, on the slowest machine. */
const restMs = 60_000

/**
 * Plays a fortnight of billing events through the real intake, queue and workers, and tells what became of them.
 *
 * It runs on a PostgreSQL of its own, with the queue in it, in a folder that it throws away; `DATABASE_URL`,
 * `REDIS_URL` and the data folder it leaves alone: a demo has no business in a ledger that somebody uses.
 *
 * @returns whether everything happened that had to, and the invariants hold
 */
export async function runDemo({ env, out, file = ourFile }: DemoOptions): Promise<boolean> {
  const begun = performance.now()
  const seconds = () => `${((performance.now() - begun) / 1000).toFixed(1)} s`
  const text = await readFile(file, 'utf8')
  const stop = listenForStop()
  const folder = await mkdtemp(join(tmpdir(), 'ipbridge-demo-'))
  try {
    // Root lends PostgreSQL another user, who must be able to pass.
    await chmod(folder, 0o755)
    const config = loadConfig({ IPBRIDGE_DATA_DIR: folder, LOG_LEVEL: env['LOG_LEVEL'] || 'error' })
    const app = await createApp(config, createLog(config.logLevel), { dispatchMs: 200 })
    try {
      for (const line of report.opening(env, seconds())) out(line)
      await setStage(app.desk)
      const checks = await perform({ app, out, text, isOurs: file === ourFile, signal: stop.signal })
      const isFine = checks.every(check => check.holds)
      for (const line of report.closing(checks, seconds())) out(line)
      return isFine
    } finally {
      await app.close()
    }
  } finally {
    await removeEmbeddedPostgres(folder)
    stop.stopListening()
  }
}

interface Performance {
  app: App
  out: (line: string) => void
  /** The events, one a line. */
  text: string
  /** Whether they are those of examples/events.ndjson, of which we know what they lead to. */
  isOurs: boolean
  signal: AbortSignal
}

/** Plays the events, tells what became of them, and says what holds. */
async function perform({ app, out, text, isOurs, signal }: Performance): Promise<Check[]> {
  const stopWork = app.work({ concurrency: 20 })
  try {
    const lines = await playDays({ app, out, text, signal })
    await untilAtRest(app, isOurs ? ['queued', 'running', 'parked'] : ['queued', 'running'], signal)
    const facts = await gatherFacts(app)
    const builtin = await app.db.connection.findUniqueOrThrow({ where: { name: 'builtin' } })
    const inConflict = await (await app.ipams.driver(builtin.id)).read(settled.address, signal)
    const violations = checkInvariants(await takeSnapshot(app.db, app.ipams.driver), { quiet: true })
    for (const part of report.results(lines, facts)) out(part)
    return [...(isOurs ? toldStories(lines, facts, inConflict?.ptr) : []), ...alwaysTrue(violations)]
  } finally {
    await stopWork()
  }
}

/** Plays one day after the other; a day is over when all of its work is done, or waits for an address. */
async function playDays({ app, out, text, signal }: Omit<Performance, 'isOurs'>): Promise<Line[]> {
  const played: Line[] = []
  let toldBefore = await messagesTold(app)
  out(report.dayHead)
  for (const [day, script] of readScript(text, new Date())) {
    const lines: Line[] = []
    for (let start = 0; start < script.length; start += atOnce) {
      signal.throwIfAborted()
      const some = script.slice(start, start + atOnce)
      lines.push(...(await Promise.all(some.map(line => playLine(app.intake, line)))))
    }
    await untilAtRest(app, ['queued', 'running'], signal)
    const told = await messagesTold(app)
    const parked = await app.db.operation.count({ where: { state: 'parked' } })
    out(report.dayLine(day, lines, { told, toldBefore, parked }))
    toldBefore = told
    played.push(...lines)
  }
  return played
}

async function untilAtRest({ db }: App, unrest: string[], signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + restMs
  while ((await db.operation.count({ where: { state: { in: unrest } } })) > 0) {
    if (performance.now() > deadline) {
      throw new IpbridgeError('unavailable', `after ${restMs / 1000} s some operations are still under way`)
    }
    await sleep(50, undefined, { signal })
  }
}
