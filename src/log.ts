import { pino } from 'pino'

export type Log = pino.Logger

/** Fields that may hold a secret, wherever they appear in what is logged. */
const secrets = ['password', 'adminpassword', 'adminPassword', 'token', 'secret', 'authorization', 'cookie']

/**
 * One JSON object a line on standard error, so that standard output stays clean for `--json`.
 * @param level as `LOG_LEVEL`
 */
export function createLog(level: string): Log {
  return pino(
    {
      level,
      base: undefined,
      redact: { paths: secrets.flatMap(name => [name, `*.${name}`, `*.*.${name}`]), censor: '[secret]' },
      serializers: { err: pino.stdSerializers.err },
    },
    pino.destination({ dest: 2, sync: false }),
  )
}
