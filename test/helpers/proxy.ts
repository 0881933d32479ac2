import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP connection that a test can cut. */
export interface Proxy {
  port: number
  /** From now on nothing gets through, in either direction, and nobody is told: as when a cable is pulled. */
  freeze(): void
  /** What was held back gets through, and all that comes. */
  thaw(): void
  /** Ends all connections; new ones are accepted. */
  drop(): void
  close(): Promise<void>
}

/** Listens on a port of its own and passes everything on to another. */
export async function startProxy(target: { host: string; port: number }): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let frozen = false

  function add(socket: Socket, other: Socket): void {
    sockets.add(socket)
    socket.on('data', chunk => {
      if (!other.write(chunk)) socket.pause()
    })
    other.on('drain', () => {
      if (!frozen) socket.resume()
    })
    socket.on('error', () => other.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
      other.destroy()
    })
    if (frozen) socket.pause()
  }

  const server = createServer(inside => {
    const outside = connect(target)
    add(inside, outside)
    add(outside, inside)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    freeze() {
      frozen = true
      for (const socket of sockets) socket.pause()
    },
    thaw() {
      frozen = false
      for (const socket of sockets) socket.resume()
    },
    drop() {
      for (const socket of sockets) socket.destroy()
    },
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}

/** The same URL with the proxy in between. */
export async function proxyTo(url: string): Promise<Proxy & { url: string }> {
  const { hostname, port } = new URL(url)
  const proxy = await startProxy({ host: hostname, port: Number(port) })
  const changed = new URL(url)
  changed.hostname = '127.0.0.1'
  changed.port = `${proxy.port}`
  return { ...proxy, url: changed.href }
}
