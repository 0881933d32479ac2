import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { IpbridgeError } from '../errors.ts'
import type { HttpTarget } from './client.ts'
import { connectFailure } from './failures.ts'
import { judge, type TlsSettings } from './tls.ts'

/** A connection that nobody used for so long is closed from our side, before the other side does it in mid-request. */
const idleMs = 4_000

interface Place {
  host?: string | null | undefined
  hostname?: string | null | undefined
  port?: string | number | null | undefined
}

/**
 * Agents that connect by themselves: so that whatever fails before a request could be sent is known as that, and
 * so that a pinned certificate is checked before the first byte of a request (with its password) goes out.
 */
export function createAgents(target: HttpTarget, connectMs: number): { http: HttpAgent; https: HttpsAgent } {
  const http = new HttpAgent({ keepAlive: true, timeout: idleMs })
  const https = new HttpsAgent({ keepAlive: true, timeout: idleMs })

  http.createConnection = (place, done) => {
    const socket = connectPlain(where(place))
    settle(target, socket, 'connect', connectMs, () => undefined, done)
    return undefined
  }

  https.createConnection = (place, done) => {
    const tls = target.tls ?? {}
    const { host, port } = where(place)
    const socket = connectTls({
      host,
      port,
      // An address is not a server name (RFC 6066), yet certificates may be for addresses.
      servername: /[a-z]/i.test(host) && !host.includes(':') ? host : '',
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      // The verdict is read, and judged together with a pin, before anything is sent.
      rejectUnauthorized: false,
    })
    settle(target, socket, 'secureConnect', connectMs, () => refusal(target, socket, tls), done)
    return undefined
  }
  return { http, https }
}

function refusal(target: HttpTarget, socket: TLSSocket, tls: TlsSettings): IpbridgeError | undefined {
  // Node says the code, although the types say an Error.
  const verdict = socket.authorized ? undefined : String(socket.authorizationError)
  const distrust = judge(tls, socket.getPeerCertificate(), verdict)
  return (
    distrust && new IpbridgeError(distrust.code, `${target.whom} at ${socket.remoteAddress}: ${distrust.why}`)
  )
}

/** Hands the socket over once it is connected, accepted, and in time; otherwise the failure. */
function settle<S extends Socket>(
  target: HttpTarget,
  socket: S,
  ready: 'connect' | 'secureConnect',
  connectMs: number,
  inspect: () => IpbridgeError | undefined,
  done: ((error: Error | null, socket: S) => void) | undefined,
): void {
  const failed = (error: NodeJS.ErrnoException) => end(connectFailure(target, error))
  const late = setTimeout(() => {
    const message = `no connection within ${connectMs} ms`
    failed(Object.assign(new Error(message), { code: 'ETIMEDOUT' }))
  }, connectMs)
  const closed = () => failed(Object.assign(new Error('closed while connecting'), { code: 'ECONNRESET' }))

  function end(error: Error | undefined): void {
    clearTimeout(late)
    socket.off('error', failed).off('close', closed)
    if (error) socket.on('error', () => {}).destroy()
    done?.(error ?? null, socket)
  }
  socket.once('error', failed).once('close', closed)
  socket.once(ready, () => end(inspect()))
}

function where({ host, hostname, port }: Place): { host: string; port: number } {
  return { host: (hostname ?? host ?? '').replace(/^\[|\]$/g, ''), port: Number(port) }
}
