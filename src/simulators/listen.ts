import {
  createServer as createHttp,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface ListenOptions {
  /** Default: 127.0.0.1. */
  host?: string
  /** Default: one that is free. */
  port?: number
  /** Certificate and key as PEM text. Default: plain HTTP. */
  tls?: { cert: string; key: string }
}

/** Answers one request. `url` is the whole of it, with the origin that the caller used. */
export type Exchange = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>

/** A simulator on a socket of its own. */
export async function listen(options: ListenOptions, exchange: Exchange) {
  const { host = '127.0.0.1', port = 0, tls } = options
  const scheme = tls ? 'https' : 'http'
  let isStopping = false

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `${scheme}://${request.headers.host ?? host}`)
    await exchange(request, response, url)
  }

  const listener: RequestListener = (request, response) => {
    answer(request, response).catch(error => {
      // Whoever asked has gone, or the simulator is being stopped; anything else is its own mistake and must be seen.
      if (!isStopping && !request.destroyed) console.error(error)
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
    /** Closes the socket and every connection, whatever is under way. */
    async stop(): Promise<void> {
      isStopping = true
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
