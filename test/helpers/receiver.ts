import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  headers: IncomingHttpHeaders
  body: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever was posted
  event: any
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>

/** A billing core that is told by webhook. @param answer what it does with each; default: 204 */
export async function startReceiver(
  answer: (response: ServerResponse, received: Received, count: number) => void = response =>
    void response.writeHead(204).end(),
) {
  const received: Received[] = []
  const behaviour = { answer }
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const entry = { headers: request.headers, body, event: JSON.parse(body) }
    received.push(entry)
    behaviour.answer(response, entry, received.length)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    /** How it answers can be changed at any time. */
    behaviour,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
