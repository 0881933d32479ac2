import {
  createServer as createHttp,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { answerControl, type ControlBooks, controlPath } from '../coremanager/control.ts'
import { readBody } from '../coremanager/request.ts'
import type { Calls } from './calls.ts'
import { Refusal } from './refusal.ts'

export interface ListenOptions {
  /** Default: 127.0.0.1. */
  host?: string
  /** Default: one that is free. */
  port?: number
  /** Certificate and key as PEM text. Default: plain HTTP. */
  tls?: { cert: string; key: string }
}

interface ServerOptions extends ListenOptions {
  calls: Calls
  control: ControlBooks
  /** Older versions say what went wrong in the reason phrase only. */
  saysInBody: () => boolean
}

const base = '/api2/json'

/** The cluster on a socket of its own, with the simulator's control beside it. */
export async function serve(options: ServerOptions) {
  const { calls, control, saysInBody, host = '127.0.0.1', port = 0, tls } = options
  const scheme = tls ? 'https' : 'http'

  function exchange(request: IncomingMessage, response: ServerResponse, url: URL, body: string): void {
    const { method = 'GET', headers, socket } = request
    const path = url.pathname.startsWith(base) ? url.pathname.slice(base.length) : url.pathname
    // The body of a DELETE is not read.
    const form = new URLSearchParams(method === 'DELETE' ? '' : body)
    const { struck, answer } = calls.begin(
      method,
      path,
      Object.fromEntries([...form, ...url.searchParams]),
      headers,
    )
    if (struck === 'silence') return
    if (struck === 'lost before') return void socket.destroy()
    if (struck === 'empty answer') return void response.writeHead(200).end()
    if (struck === 'garbage answer') {
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>a proxy</html>')
    }
    const data = answer()
    if (struck === 'lost after') return void socket.destroy()
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }))
  }

  function refuse(response: ServerResponse, { status, message, errors }: Refusal): void {
    const words = saysInBody() ? { message: `${message}\n` } : {}
    response
      .writeHead(status, message, { 'content-type': 'application/json', connection: 'close' })
      .end(JSON.stringify({ data: null, ...words, ...(errors ? { errors } : {}) }))
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `${scheme}://${request.headers.host ?? host}`)
    const body = (await readBody(request)) ?? ''
    if (url.pathname.startsWith(controlPath))
      return answerControl(control, request, response, url.pathname, body)
    try {
      exchange(request, response, url, body)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refuse(response, error)
    }
  }

  const listener: RequestListener = (request, response) => {
    respond(request, response).catch(error => {
      // Whoever asked has gone; anything else is the simulator's own mistake and must be seen.
      if (!request.destroyed) console.error(error)
      request.socket.destroy()
    })
  }
  const server = tls ? createHttps(tls, listener) : createHttp(listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const shownHost = host.includes(':') ? `[${host}]` : host

  return {
    origin: `${scheme}://${shownHost}:${(server.address() as AddressInfo).port}`,
    async stop(): Promise<void> {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
