import type { ServerResponse } from 'node:http'
import { type ListenOptions, listen } from '../listen.ts'
import { answerControl, type ControlBooks, controlPath } from './control.ts'
import { notFoundPage, type Reply } from './reply.ts'
import { cookieOf, parametersOf, readBody } from './request.ts'
import type { Shell } from './shell.ts'

export interface ServerOptions extends ListenOptions {
  mgr: string
  shell: Pick<Shell, 'handle'>
  control: ControlBooks
  /** Called when a request has been answered, whatever it was. */
  onAnswered?: () => void
}

/** A panel on a socket of its own, with the simulator's control beside it. */
export async function serve(options: ServerOptions) {
  const { mgr, shell, control, onAnswered, ...place } = options
  const stopping = new AbortController()
  const paths = new Set([`/${mgr}`, `/manager/${mgr}`])

  const { origin, stop } = await listen(place, async (request, response, url) => {
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
    onAnswered?.()
  })

  return {
    origin,
    /** The panel's address, as a connection wants it. */
    url: `${origin}/${mgr}`,
    /** Closes the socket and every connection, whatever is under way. */
    async stop(): Promise<void> {
      stopping.abort()
      await stop()
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
