import { type ErrorCode, IpbridgeError } from '../errors.ts'
import { shown } from './output.ts'

/** What the program's exit codes mean: a contract. */
export const exitCodes = { done: 0, failed: 1, wrongUse: 2, differences: 3 } as const

/** The command was not used as it should be; the message says what is accepted. */
export class WrongUse extends Error {
  override name = 'WrongUse'
}

/** Errors that the user can only mend by another command line or another environment. */
const wrongUse: ReadonlySet<ErrorCode> = new Set([
  'invalid_configuration',
  'invalid_event',
  'invalid_request',
  'malformed_request',
])

/** What to do next, where the message itself does not say it. */
const advice: Partial<Record<ErrorCode, string>> = {
  internal: 'if it stays, report it with what LOG_LEVEL=debug shows',
  wrong_state: 'look at its present state with `show`',
  interrupted: 'what was stored stays; run the command again',
}

/** Says on standard error what went wrong and what to do. @returns the exit code */
export async function tellFailure(thrown: unknown): Promise<number> {
  if (thrown instanceof WrongUse) {
    process.stderr.write(`ipbridge: ${thrown.message}\n`)
    return exitCodes.wrongUse
  }
  const error = await toError(thrown)
  process.stderr.write(`${describe(error)}\n`)
  if (error.code === 'internal' && process.env['LOG_LEVEL'] === 'debug') console.error(thrown)
  return wrongUse.has(error.code) ? exitCodes.wrongUse : exitCodes.failed
}

/** The code, what was wrong (where it is known: in which field), and what to do. */
function describe({ code, message, faults = [] }: IpbridgeError): string {
  const details = faults
    .filter(fault => !message.includes(fault.message))
    .map(fault => `  ${fault.pointer.slice(1).replaceAll('/', '.')} ${fault.message}`)
  const next = advice[code] === undefined ? [] : [`  what to do: ${advice[code]}`]
  return [`ipbridge: ${code}: ${message}`, ...details, ...next]
    .flatMap(text => text.split('\n'))
    .map(shown)
    .join('\n')
}

/** Makes one of our errors out of whatever a command threw. */
export async function toError(thrown: unknown): Promise<IpbridgeError> {
  if (thrown instanceof IpbridgeError) return thrown
  // Loaded only now, because the database's client is large and most commands that fail do so before they need it.
  const { outsideTrouble } = await import('./outside-trouble.ts')
  return outsideTrouble(thrown)
}
