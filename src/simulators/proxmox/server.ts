import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerControl, type ControlBooks, controlPath } from '../coremanager/control.ts'
import { readBody } from '../coremanager/request.ts'
import { type ListenOptions, listen } from '../listen.ts'
import type { Calls } from './calls.ts'
import { Refusal } from './refusal.ts'

interface ServerOptions extends ListenOptions {
  calls: Calls
  control: ControlBooks
  /** Older versions say what went wrong in the reason phrase only. */
  saysInBody: () => boolean
}

const base = '/api2/json'

/** The cluster on a socket of its own, with the simulator's control beside it. */
export function serve({ calls, control, saysInBody, ...place }: ServerOptions) {
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

  return listen(place, async (request, response, url) => {
    const body = (await readBody(request)) ?? ''
    if (url.pathname.startsWith(controlPath))
      return answerControl(control, request, response, url.pathname, body)
    try {
      exchange(request, response, url, body)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refuse(response, error)
    }
  })
}
