import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { isDatabaseDown, sqlState } from '../db/client.ts'
import { asIpbridgeError, type ErrorCode, IpbridgeError } from '../errors.ts'
import type { Log } from '../log.ts'
import { answerHeaders } from './headers.ts'

/** RFC 9457, with our stable code. */
export interface Problem {
  type: string
  title: string
  status: number
  code: ErrorCode
  detail: string
  /** The request, as it stands in the log. */
  instance: string
  errors?: { pointer: string; message: string }[]
}

export const problemType = 'application/problem+json'

const retryAfterMs = 5_000

/** What Fastify refuses before a handler sees it. */
const byStatus: Record<number, ErrorCode> = {
  404: 'not_found',
  413: 'too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
}

/** Bytes that PostgreSQL cannot hold in text, such as NUL. */
const unstorable = /^22(021|P05)$/

/** Makes one of our errors out of whatever was thrown while a request was answered. */
export function toError(error: unknown): IpbridgeError {
  if (error instanceof IpbridgeError) return error
  const { statusCode, message } = error as FastifyError
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new IpbridgeError(byStatus[statusCode] ?? 'malformed_request', message)
  }
  if (unstorable.test(sqlState(error) ?? '')) {
    return new IpbridgeError('invalid_request', 'text must be well-formed Unicode without NUL characters')
  }
  // A mistake in our own code may well talk of connections; it is not the database that is away.
  if (!(error instanceof TypeError) && isDatabaseDown(error)) {
    return new IpbridgeError('unavailable', 'the database does not answer', { cause: error })
  }
  return asIpbridgeError(error)
}

/** Too much at once is nobody's fault: one line in the log for each refusal would only add to it. */
function isOurFault({ status, code }: IpbridgeError): boolean {
  return status >= 500 && code !== 'overloaded'
}

export function toProblem(error: IpbridgeError, requestId: string): Problem {
  const { code, status, message, faults } = error
  return {
    type: `/docs/errors#${code}`,
    title: titleOf(code),
    status,
    code,
    detail: isOurFault(error) ? `the log says more, under the request ${requestId}` : message,
    instance: `urn:uuid:${requestId}`,
    ...(faults ? { errors: faults } : {}),
  }
}

/** `pool_exhausted` → `Pool exhausted` */
export function titleOf(code: ErrorCode): string {
  const text = code.replaceAll('_', ' ')
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}

/** The one error handler: logs what is our fault, and answers with a problem. */
export function problemHandler(log: Log, dress: (problem: Problem) => object = problem => problem) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = toError(thrown)
    if (isOurFault(error)) {
      const where = { request: request.id, method: request.method, route: request.routeOptions.url }
      log.error({ err: thrown, code: error.code, ...where }, 'a request failed')
    }
    // Some are refused before any hook has run.
    reply.headers({ ...answerHeaders, 'x-request-id': request.id })
    if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="ipbridge"')
    if (error.status === 429 || error.status === 503) {
      reply.header('retry-after', Math.max(1, Math.ceil((error.retryAfterMs ?? retryAfterMs) / 1000)))
    }
    const problem = toProblem(error, request.id)
    return reply.code(error.status).type(problemType).serializer(JSON.stringify).send(dress(problem))
  }
}
