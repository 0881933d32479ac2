import { userInfo } from 'node:os'
import type { App, AppOptions } from '../app.ts'
import { type Config, loadConfig } from '../config.ts'
import type { Actor } from '../desk/actor.ts'
import { IpbridgeError } from '../errors.ts'
import { createLog } from '../log.ts'
import { listenForStop, unlessAborted } from './signals.ts'

/** What a command works with. */
export interface Session {
  app: App
  /** Who runs the command, for the audit. */
  actor: Actor
  /** Aborted by SIGTERM and SIGINT. */
  signal: AbortSignal
}

/** How long closing may take before the process leaves anyway. */
const closeMs = 10_000

/**
 * Opens ipbridge for one command, and closes it again whatever happens. In embedded mode this attaches to the
 * PostgreSQL that runs already, else starts one for the time being.
 *
 * @param options.migrated whether the command needs a database that has all migrations
 * @throws unavailable where it lacks some
 */
export async function withApp<T>(
  work: (session: Session) => Promise<T>,
  { migrated = true } = {},
): Promise<T> {
  const stop = listenForStop()
  try {
    // A command tells its user what matters; the log is for processes that stay, unless it is asked for.
    const app = await openApp(loadConfig(process.env), process.env['LOG_LEVEL'] || 'error')
    try {
      if (migrated) await requireMigrations(app)
      return await unlessAborted(stop.signal, work({ app, actor: actor(), signal: stop.signal }))
    } finally {
      await within(closeMs, app.close())
    }
  } finally {
    stop.stopListening()
  }
}

/** Builds ipbridge. Loaded only now, because reading all of it takes most of a second. */
export async function openApp(
  config: Config,
  logLevel = config.logLevel,
  options: AppOptions = {},
): Promise<App> {
  const { createApp } = await import('../app.ts')
  return createApp(config, createLog(logLevel), options)
}

/**
 * An embedded database is migrated by whoever opens it; anybody's own never without being asked.
 * @throws unavailable where the database lacks migrations
 */
export async function requireMigrations(app: App): Promise<void> {
  const missing = await app.desk.health.pendingMigrations()
  if (missing.length === 0) return
  throw new IpbridgeError(
    'unavailable',
    `the database lacks ${missing.length} migrations (${missing.join(', ')}): run \`ipbridge migrate\` first`,
  )
}

/** Who runs the program, as the audit shows it. */
export function actor(): Actor {
  return { name: `cli:${userName()}`, role: 'admin' }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run under a number that has no name.
    return `uid-${process.getuid?.() ?? 'unknown'}`
  }
}

/** Waits for `work`, but not for longer than `ms`; a failure of it is not worth a failed command. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work.catch(() => undefined), late])
  clearTimeout(timer)
}
