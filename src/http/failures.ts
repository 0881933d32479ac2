import { RequestError, TimeoutError } from 'got'
import { type ErrorCode, IpbridgeError } from '../errors.ts'
import type { HttpAnswer, HttpTarget } from './client.ts'

// Every failure of a request as one of our errors. None has the failure of the HTTP library as its cause: that
// one carries the whole request, with its passwords.

/** The longest that the other side may ask us to stay away. */
const longestRetryAfterMs = 3_600_000

const unreachable: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there (connection refused); does it run, and is the port right?',
  EHOSTUNREACH: 'there is no route to it; is the machine up, and does a firewall let us through?',
  ENETUNREACH: 'there is no route to its network',
  ETIMEDOUT: 'it does not answer when we connect; is the machine up, and does a firewall let us through?',
  ECONNRESET: 'it closed the connection before we could ask anything',
  EAI_AGAIN: 'its name cannot be looked up, because no name server answers',
}

/** A failure before anything was sent: nothing can have happened. */
export function connectFailure(target: HttpTarget, error: NodeJS.ErrnoException): IpbridgeError {
  const { hostname, host } = new URL(target.url)
  const code = error.code ?? ''
  if (code === 'ENOTFOUND') {
    const why = `there is no host ${hostname}: the name does not exist; check the URL and the name servers`
    return new IpbridgeError('host_not_found', `${target.whom}: ${why}`)
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS')) {
    const why = `what listens at ${host} does not speak TLS as we do (${code}); check the port, and whether the URL begins with http:// or https://`
    return new IpbridgeError('wrong_panel', `${target.whom}: ${why}`)
  }
  const why = unreachable[code] ?? `it cannot be reached (${code || 'unknown reason'})`
  return new IpbridgeError(unavailable(target), `${target.whom} at ${host}: ${why}`)
}

/**
 * A request that got no whole answer.
 * @param changes whether the request may have changed something: then the outcome is unknown
 */
export function requestFailure(target: HttpTarget, error: unknown, changes: boolean): IpbridgeError {
  const cause = error instanceof RequestError ? error.cause : undefined
  if (cause instanceof IpbridgeError) return cause
  return noAnswer(target, reasonOf(error), changes)
}

function reasonOf(error: unknown): string {
  if (error instanceof TimeoutError) return 'it did not answer in time'
  const code = error instanceof RequestError ? error.code : ''
  return code === 'ECONNRESET'
    ? 'it closed the connection without an answer'
    : `the answer was cut off (${code})`
}

/** No answer, or none that can be read. @param why the rest of a sentence about the other side */
export function noAnswer(
  target: Pick<HttpTarget, 'whom' | 'side'>,
  why: string,
  changes: boolean,
): IpbridgeError {
  if (!changes) return new IpbridgeError(unavailable(target), `${target.whom}: ${why}`)
  const message = `${target.whom}: ${why}; whether it did what was asked is looked up before it is asked again`
  return new IpbridgeError('outcome_unknown', message, { outcome: 'unknown' })
}

/** An answer with a status that the caller does not expect. @param now in milliseconds */
export function statusFailure(
  target: HttpTarget,
  answer: HttpAnswer,
  changes: boolean,
  now: number,
): IpbridgeError {
  const { status } = answer
  const { whom, side } = target
  const say = (code: ErrorCode, why: string, after?: number) =>
    new IpbridgeError(
      code,
      `${whom}: ${why} (HTTP ${status})`,
      after === undefined ? {} : { retryAfterMs: after },
    )
  const after = retryAfter(answer.headers['retry-after'], now)

  if (status === 401) return say('bad_credentials', 'it does not accept the login and password')
  if (status === 403 || status === 407) return say('access_denied', 'it does not let us do this')
  if (status === 429)
    return say(side === 'ipam' ? 'ipam_busy' : 'panel_unavailable', 'it is asked too often', after)
  if (status === 404 || status === 405 || status === 501) {
    return say('wrong_panel', `what answers at ${placeOf(target.url)} is not ${target.kind}; check the URL`)
  }
  if (status >= 300 && status < 400) {
    return say('wrong_panel', `it sends us elsewhere${elsewhere(answer, target)}; give the final URL`)
  }
  if (status >= 500 || status === 408) {
    const failure = noAnswer(target, `it, or a proxy before it, has a problem (HTTP ${status})`, changes)
    if (after === undefined) return failure
    return new IpbridgeError(failure.code, failure.message, {
      retryAfterMs: after,
      ...(failure.outcome === 'unknown' ? { outcome: 'unknown' } : {}),
    })
  }
  return say(side === 'ipam' ? 'ipam_refused' : 'panel_refused', 'it does not accept the request')
}

/** `Retry-After`, in seconds or as a date. @returns milliseconds */
export function retryAfter(header: string | string[] | undefined, now: number): number | undefined {
  if (typeof header !== 'string') return undefined
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), longestRetryAfterMs) : undefined
}

/** Where a redirect leads, without what may be secret in it. */
function elsewhere({ headers }: HttpAnswer, { url }: HttpTarget): string {
  const { location } = headers
  if (typeof location !== 'string' || !URL.canParse(location, url)) return ''
  return `, to ${placeOf(new URL(location, url).href)}`
}

/** A URL without what may be secret in it. */
export function placeOf(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}

function unavailable({ side }: Pick<HttpTarget, 'side'>): ErrorCode {
  return side === 'ipam' ? 'ipam_unavailable' : 'panel_unavailable'
}
