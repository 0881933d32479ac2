import { type DestinationStream, type LogFn, pino } from 'pino'

export type Log = pino.Logger

/** Fields that may hold a secret, wherever they appear in what is logged. */
const secrets = ['password', 'adminpassword', 'adminPassword', 'token', 'secret', 'authorization', 'cookie']

/** A warning that repeats itself is written once in this time. */
const repeatMs = 60_000

/**
 * One JSON object a line on standard error, so that standard output stays clean for `--json`. Warnings that say the
 * same again are left out for a minute; the next one says how many there were.
 * @param level as `LOG_LEVEL`
 */
export function createLog(
  level: string,
  destination: DestinationStream = pino.destination({ dest: 2, sync: false }),
): Log {
  return pino(
    {
      level,
      base: undefined,
      redact: { paths: secrets.flatMap(name => [name, `*.${name}`, `*.*.${name}`]), censor: '[secret]' },
      serializers: { err: pino.stdSerializers.err },
      hooks: { logMethod: withoutRepeats() },
    },
    destination,
  )
}

/** What tells a warning from others that have the same text. */
interface Circumstances {
  err?: { name?: string; code?: unknown }
  code?: unknown
  queue?: unknown
  part?: unknown
  subscriber?: unknown
}

/** While a part is away, everybody who needs it warns of that, again and again. */
function withoutRepeats() {
  const told = new Map<string, { at: number; leftOut: number }>()

  return function (this: Log, args: Parameters<LogFn>, method: LogFn, level: number): void {
    const [fields, text] = args as unknown as [Circumstances, string | undefined]
    if (level !== pino.levels.values['warn'] || text === undefined) {
      method.apply(this, args)
      return
    }
    const { err, code, queue, part, subscriber } = fields
    const key = [text, err?.code ?? err?.name, code, queue, part, subscriber].join(' ')
    const now = performance.now()
    const last = told.get(key)
    if (last && now - last.at < repeatMs) {
      last.leftOut += 1
      return
    }
    told.set(key, { at: now, leftOut: 0 })
    const repeats = last && last.leftOut > 0 ? { repeats: last.leftOut } : {}
    method.apply(this, [{ ...fields, ...repeats }, text] as unknown as Parameters<LogFn>)
  }
}
