import {
  createServer as createHttp,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { answerControl, type ControlBooks, controlPath } from './control.ts'
import { notFoundPage, type Reply } from './reply.ts'
import { cookieOf, parametersOf, readBody } from './request.ts'
import type { Shell } from './shell.ts'

export interface ListenOptions {
  /** Default: 127.0.0.1. */
  host?: string
  /** Default: one that is free. */
  port?: number
  /** Certificate and key as PEM text. Default: plain HTTP. */
  tls?: { cert: string; key: string }
}

export interface ServerOptions extends ListenOptions {
  mgr: string
  shell: Pick<Shell, 'handle'>
  control: ControlBooks
  /** Called when a request has been answered, whatever it was. */
  onAnswered?: () => void
}

/** A panel on a socket of its own, with the simulator's control beside it. */
export async function serve(options: ServerOptions) {
  const { mgr, shell, control, onAnswered, host = '127.0.0.1', port = 0, tls } = options
  const stopping = new AbortController()
  const scheme = tls ? 'https' : 'http'
  const paths = new Set([`/${mgr}`, `/manager/${mgr}`])

  async function exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `${scheme}://${request.headers.host ?? host}`)
    const body = await readBody(request)
    if (body === undefined) {
      send(response, { kind: 'answer', status: 413, breaksOff: false, ...notFoundPage() })
    } else if (url.pathname.startsWith(controlPath)) {
      answerControl(control, request, response, url.pathname, body)
    } else if (!paths.has(url.pathname)) {
      send(response, { kind: 'answer', status: 404, breaksOff: false, ...notFoundPage() })
    } else {
      const reply = await shell.handle(
        {
          params: parametersOf(request, url, body),
          remote: request.socket.remoteAddress ?? '',
          cookie: cookieOf(request, `${mgr}ses5`),
          origin: url.origin,
        },
        stopping.signal,
      )
      send(response, reply)
    }
  }

  const listener: RequestListener = (request, response) => {
    const answered = exchange(request, response).then(() => onAnswered?.())
    answered.catch(error => {
      // Whoever asked has gone, or the simulator is being stopped; anything else is its own mistake and must be seen.
      if (!stopping.signal.aborted && !request.destroyed) console.error(error)
      request.socket.destroy()
    })
  }
  const server = tls ? createHttps(tls, listener) : createHttp(listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const shownHost = host.includes(':') ? `[${host}]` : host
  const origin = `${scheme}://${shownHost}:${(server.address() as AddressInfo).port}`

  return {
    origin,
    /** The panel's address, as a connection wants it. */
    url: `${origin}/${mgr}`,
    /** Closes the socket and every connection, whatever is under way. */
    async stop(): Promise<void> {
      stopping.abort()
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

function send(response: ServerResponse, reply: Reply): void {
  if (reply.kind === 'drop') {
    response.socket?.destroy()
    return
  }
  const { status, contentType, body, cookie, breaksOff } = reply
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    ...(cookie ? { 'set-cookie': cookie } : {}),
  })
  if (!breaksOff) {
    response.end(body)
    return
  }
  const bytes = Buffer.from(body)
  response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.socket?.destroy())
}
