import { request as ask, createServer } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Garble, Sent } from './garble.ts'
import { garbled } from './garble.ts'

/** Which answer, counted from the next one, and what becomes of it. */
export interface Plan {
  nth: number
  garble: Garble
}

export type Middleman = Awaited<ReturnType<typeof startMiddleman>>

/** Stands between a driver and a simulator, and garbles one of the right answers. */
export async function startMiddleman() {
  let target = ''
  let plan: Plan | undefined
  let strangers = 0
  const other = createTcp(socket => {
    strangers += 1
    socket.destroy()
  })
  await new Promise<void>(resolve => other.listen(0, '127.0.0.2', resolve))
  const elsewhere = `http://127.0.0.2:${(other.address() as AddressInfo).port}/secret`

  const server = createServer(async (request, response) => {
    const body = await buffer(request).catch(() => undefined)
    if (body === undefined) return
    const garble = plan && plan.nth-- === 0 ? plan.garble : undefined
    const right = await forward(request.method ?? 'GET', request.url ?? '/', request.headers as never, body)
    if (garble) send(response.socket, garbled(right, garble, elsewhere))
    else response.writeHead(right.status, right.headers).end(right.body)
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))

  function forward(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: Buffer,
  ): Promise<Sent> {
    return new Promise((resolve, reject) => {
      const url = new URL(path, target)
      const sent = ask(
        url,
        { method, headers: { ...headers, host: url.host }, agent: false },
        async answer => {
          const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...kept } = answer.headers
          resolve({
            status: answer.statusCode ?? 0,
            headers: kept as Record<string, string>,
            body: await buffer(answer),
          })
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  }

  const { port } = server.address() as AddressInfo
  return {
    /** Where a simulator seems to be from now on. */
    url(real: string): string {
      target = real
      return Object.assign(new URL(real), { host: `127.0.0.1:${port}` }).href
    },
    garble(next: Plan | undefined): void {
      plan = next
    },
    /** How often somebody followed us to another host. */
    get strangers() {
      return strangers
    },
    async stop(): Promise<void> {
      server.closeAllConnections()
      await Promise.all([
        new Promise(resolve => server.close(resolve)),
        new Promise(resolve => other.close(resolve)),
      ])
    },
  }
}

/** Byte for byte, since no HTTP server would send such things. */
function send(socket: Socket | null, { status, headers, body, end }: Sent): void {
  if (socket === null || socket.destroyed) return
  socket.on('error', () => {})
  const length = headers['content-length'] === undefined || end !== undefined ? body.length : undefined
  const lines = Object.entries({
    ...headers,
    ...(length === undefined ? {} : { 'content-length': end === 'endless' ? '' : `${length}` }),
  })
  const head = lines.filter(([, value]) => value !== '').map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`HTTP/1.1 ${status} Whatever\r\n${head.join('')}connection: close\r\n\r\n`)
  if (end === undefined) return void socket.end(body)
  if (typeof end === 'object') return void socket.end(body.subarray(0, end.cutAfter), () => socket.destroy())
  const piece = end === 'endless' ? Buffer.alloc(65_536, 32) : Buffer.from(' ')
  const timer = setInterval(() => socket.write(piece), 20)
  socket.once('close', () => clearInterval(timer))
}
