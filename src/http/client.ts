import type { IncomingHttpHeaders } from 'node:http'
import got, { type OptionsOfTextResponseBody } from 'got'
import pLimit from 'p-limit'
import { IpbridgeError } from '../errors.ts'
import { createAgents } from './agents.ts'
import { noAnswer, requestFailure, statusFailure } from './failures.ts'
import type { TlsSettings } from './tls.ts'

/** The system at the other end. */
export interface HttpTarget {
  url: string
  tls?: TlsSettings
  /** What people call it, as messages begin: `IPmanager of connection main`. */
  whom: string
  /** What should be there: `IPmanager 5`. */
  kind: string
  /** Decides between the error codes of IPAMs and those of panels. */
  side: 'ipam' | 'panel'
}

export interface HttpOptions {
  /** For the connection, name lookup and TLS included; default: 10 seconds. */
  connectMs?: number
  /** From the end of the request to the beginning of the answer; default: 60 seconds. */
  responseMs?: number
  /** The longest answer in bytes; default: 32 MiB. */
  maxBytes?: number
  /** The most requests at once; default: 16. */
  parallel?: number
}

export interface HttpRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Relative to the target's URL; default: that URL itself. */
  path?: string
  query?: Record<string, string>
  headers?: Record<string, string>
  /** A body: fields of a form, or JSON. */
  form?: Record<string, string>
  json?: unknown
  /** Whether it may change something at the other end: then a lost answer leaves the outcome unknown. */
  changes: boolean
  /** Which statuses the caller reads itself; default: 200 to 299. Others are thrown as errors. */
  accepts?: (status: number) => boolean
}

export interface HttpAnswer {
  status: number
  /** The reason phrase beside the status: some systems put what went wrong there. */
  reason: string
  headers: IncomingHttpHeaders
  text: string
}

export type HttpClient = ReturnType<typeof createHttpClient>

/**
 * The one way in which ipbridge asks other systems something.
 *
 * Nothing is repeated here, since the queue owns retries; no redirect is followed, since the request carries
 * credentials; answers are bounded and not decompressed. Every failure is an IpbridgeError that says whether trying
 * again can help, and whether the request may have taken effect. Where the caller's signal was aborted, its reason
 * is thrown.
 */
export function createHttpClient(target: HttpTarget, options: HttpOptions = {}) {
  const { connectMs = 10_000, responseMs = 60_000, maxBytes = 32 * 1024 * 1024, parallel = 16 } = options
  const agent = createAgents(target, connectMs)
  const limit = pLimit(parallel)

  async function exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    signal.throwIfAborted()
    const { changes, accepts = isSuccess } = request
    let tooLong = false
    try {
      const call = got(urlOf(target, request), { ...basics, ...bodyOf(request), agent, signal, timeout })
      call.on('downloadProgress', ({ transferred, total }) => {
        if (transferred <= maxBytes && (total ?? 0) <= maxBytes) return
        tooLong = true
        call.cancel()
      })
      const { statusCode, statusMessage = '', headers, body } = await call
      const answer = { status: statusCode, reason: statusMessage, headers, text: textOf(body) }
      if (accepts(statusCode)) return answer
      throw statusFailure(target, answer, changes, Date.now())
    } catch (error) {
      if (error instanceof IpbridgeError) throw error
      if (tooLong) throw noAnswer(target, `its answer is longer than ${maxBytes} bytes`, changes)
      if (signal.aborted) throw signal.reason
      throw requestFailure(target, error, changes)
    }
  }

  const timeout = { response: responseMs, request: connectMs + 3 * responseMs }

  return {
    target,
    /** The longest that one request takes, in milliseconds. */
    longestMs: timeout.request,
    send: (request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> =>
      limit(() => exchange(request, signal)),
  }
}

const basics = {
  retry: { limit: 0 },
  followRedirect: false,
  throwHttpErrors: false,
  decompress: false,
  http2: false,
  responseType: 'text',
} as const

/** @throws where a path leads to another host: the request carries credentials, which are for this one */
function urlOf({ url, whom }: HttpTarget, { path, query }: HttpRequest): URL {
  const full = path === undefined ? new URL(url) : new URL(path, url)
  if (full.origin !== new URL(url).origin) {
    throw new IpbridgeError('internal', `a request to ${whom} would have gone to ${full.origin}`)
  }
  for (const [name, value] of Object.entries(query ?? {})) full.searchParams.set(name, value)
  return full
}

function bodyOf({ method, headers, form, json }: HttpRequest): OptionsOfTextResponseBody {
  return {
    method: method ?? (form === undefined && json === undefined ? 'GET' : 'POST'),
    headers: { 'user-agent': 'ipbridge', 'accept-encoding': 'identity', ...headers },
    ...(form === undefined ? {} : { form }),
    ...(json === undefined ? {} : { json }),
  }
}

/** Text also of what came compressed, although nobody asked for that: then the library gives its bytes as they are. */
function textOf(body: string | Uint8Array): string {
  return typeof body === 'string' ? body : Buffer.from(body).toString()
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}
