import { isDatabaseDown, sqlState } from '../db/client.ts'
import { asIpbridgeError, IpbridgeError } from '../errors.ts'

/** The network does not let us listen on HOST and PORT. */
const cannotListen = new Set(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND'])

/** SQLSTATEs of a database that answers, but will not have us: who we are, and which database we want. */
const unwelcome = /^(28|3D|42501)/

/** Makes one of our errors out of what the network and the database's clients throw; anything else stays `internal`. */
export function outsideTrouble(thrown: unknown): IpbridgeError {
  const { code = '', syscall } = (thrown ?? {}) as NodeJS.ErrnoException
  if (cannotListen.has(code) && (syscall === 'listen' || syscall === 'getaddrinfo')) {
    const message = `cannot listen: ${reasonOf(thrown)}; HOST and PORT must name an address of this host and a free port`
    return new IpbridgeError('invalid_configuration', message, { cause: thrown })
  }
  const state = sqlState(thrown) ?? code
  if (unwelcome.test(state)) {
    const message = `the database refuses us: ${reasonOf(thrown)}; DATABASE_URL must name a database and a user that may use it`
    return new IpbridgeError('invalid_configuration', message, { cause: thrown })
  }
  if (!(thrown instanceof TypeError) && isDatabaseDown(thrown)) {
    return new IpbridgeError(
      'unavailable',
      `the database does not answer: ${reasonOf(thrown)}; see that it runs and that it can be reached from here as DATABASE_URL says`,
      {
        cause: thrown,
      },
    )
  }
  return asIpbridgeError(thrown)
}

/** In one line, what the server or the network said, without what the libraries wrap around it. */
export function reasonOf(thrown: unknown): string {
  const { meta, errors, message, code } = thrown as {
    meta?: { driverAdapterError?: { cause?: { originalMessage?: string } } }
    errors?: Error[]
    message?: string
    code?: string
  }
  const text = meta?.driverAdapterError?.cause?.originalMessage ?? errors?.[0]?.message ?? message ?? ''
  const line = text.trim().split('\n').at(-1) || code || 'no reason given'
  return /Message: `(.*)`$/.exec(line)?.[1] ?? line
}
