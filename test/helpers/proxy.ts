import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What is on its way: from whoever connects, or back to it. */
export type Direction = 'requests' | 'answers'

/** How a slow line is slow. */
export interface Slowness {
  /** Each piece is under way for so long. */
  latencyMs?: number
  bytesPerSecond?: number
  /** Nothing longer than this comes through at once. */
  sliceBytes?: number
}

/** A TCP line on which a test can do everything that happens to TCP lines. */
export interface Proxy {
  port: number
  /** How many connections are open through it. */
  readonly connections: number
  /** From now on nothing gets through, in either direction, and nobody is told: as when a cable is pulled. */
  freeze(): void
  /** What was held back gets through, and all that comes. */
  thaw(): void
  /** Ends all connections; new ones are accepted. */
  drop(): void
  /** Ends all connections and refuses new ones: as when a server or its machine is gone. */
  cut(): void
  /**
   * Half-open: what goes in one direction is lost, and nobody is told. A connection that lost something never works
   * again, as when a firewall has forgotten it; after {@link mend} new ones do.
   */
  swallow(direction: Direction): void
  slow(slowness: Slowness, direction?: Direction): void
  /**
   * Resets the connection (RST) in the middle of one answer: after so many bytes of it.
   * @param which.to the answer to the first request that contains this text; default: to any
   * @returns when it has happened
   */
  resetAnswer(which?: { to?: string; after?: number }): Promise<void>
  /** Ends all faults. */
  mend(): Promise<void>
  close(): Promise<void>
}

interface Trap {
  to: string
  /** How many bytes of the answer still get through; undefined: its request has not come yet. */
  left: number | undefined
  after: number
  victim: Socket | undefined
  sprung: () => void
}

/** Listens on a port of its own and passes everything on to another. */
export async function startProxy(target: { host: string; port: number }): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const slowness: Record<Direction, Slowness> = { requests: {}, answers: {} }
  let swallowed: Direction | undefined
  let trap: Trap | undefined
  let frozen: Promise<void> | undefined
  let release = () => {}

  const server = createServer(inside => {
    const outside = connect(target)
    const link = { inside, outside, deaf: undefined as Direction | undefined }
    for (const socket of [inside, outside]) {
      sockets.add(socket)
      socket.setNoDelay(true).on('error', () => undefined)
    }
    void pass(inside, outside, 'requests', link)
    void pass(outside, inside, 'answers', link)
  })

  /** Carries one direction of one connection. */
  async function pass(
    from: Socket,
    to: Socket,
    direction: Direction,
    link: { inside: Socket; deaf: Direction | undefined },
  ): Promise<void> {
    from.once('close', () => void hangUp(from, to, link))
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        await frozen
        if (swallowed === direction) link.deaf = direction
        if (link.deaf === direction) continue
        if (direction === 'requests') watchFor(chunk, link.inside)
        await carry(direction === 'answers' ? spring(chunk, link.inside) : chunk, to, slowness[direction])
      }
    } catch {
      // It was reset, or destroyed by a fault: `close` tells the other side.
    }
  }

  async function hangUp(from: Socket, to: Socket, link: { deaf: Direction | undefined }): Promise<void> {
    sockets.delete(from)
    // Of a line that is cut, or that has lost something, nobody hears that the other side has hung up.
    await frozen
    if (link.deaf === undefined) to.destroySoon()
  }

  function watchFor(chunk: Buffer, inside: Socket): void {
    if (trap === undefined || trap.left !== undefined || !chunk.includes(trap.to)) return
    trap.left = trap.after
    trap.victim = inside
  }

  /** What still gets through of an answer before its connection is reset. */
  function spring(chunk: Buffer, inside: Socket): Buffer {
    if (trap?.left === undefined || trap.victim !== inside) return chunk
    if (chunk.length < trap.left) {
      trap.left -= chunk.length
      return chunk
    }
    const { left, sprung } = trap
    trap = undefined
    inside.write(chunk.subarray(0, left))
    // What came before must have been read: together with it, the reset would be taken for an orderly end.
    setTimeout(() => {
      inside.resetAndDestroy()
      sprung()
    }, 20)
    return Buffer.alloc(0)
  }

  async function listen(port: number): Promise<void> {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }

  function dropAll(): void {
    for (const socket of sockets) socket.destroy()
  }

  function thaw(): void {
    release()
    frozen = undefined
  }

  await listen(0)
  const { port } = server.address() as AddressInfo
  return {
    port,
    get connections() {
      return sockets.size / 2
    },
    freeze() {
      frozen ??= new Promise(resolve => {
        release = resolve
      })
    },
    thaw,
    drop: dropAll,
    cut() {
      server.close()
      dropAll()
    },
    swallow(direction) {
      swallowed = direction
    },
    slow(given, direction) {
      for (const each of direction ? [direction] : (['requests', 'answers'] as const)) slowness[each] = given
    },
    resetAnswer({ to = '', after = 0 } = {}) {
      return new Promise(sprung => {
        trap = { to, after, left: undefined, victim: undefined, sprung }
      })
    },
    async mend() {
      thaw()
      swallowed = undefined
      slowness.requests = {}
      slowness.answers = {}
      trap = undefined
      if (!server.listening) await listen(port)
    },
    async close() {
      const closed = server.listening ? once(server, 'close') : undefined
      server.close()
      thaw()
      dropAll()
      await closed
    },
  }
}

/** Brings a piece to its end, as slowly as the line is. */
async function carry(
  piece: Buffer,
  to: Socket,
  { latencyMs, bytesPerSecond, sliceBytes = piece.length }: Slowness,
): Promise<void> {
  if (latencyMs) await sleep(latencyMs)
  for (let start = 0; start < piece.length; start += sliceBytes) {
    const slice = piece.subarray(start, start + sliceBytes)
    if (bytesPerSecond) await sleep((1_000 * slice.length) / bytesPerSecond)
    if (!to.write(slice)) await Promise.race([once(to, 'drain'), once(to, 'close')])
  }
}

/** The same URL with the proxy in between. */
export async function proxyTo(url: string): Promise<Proxy & { url: string }> {
  const { hostname, port } = new URL(url)
  const proxy = await startProxy({ host: hostname, port: Number(port) })
  const changed = new URL(url)
  changed.hostname = '127.0.0.1'
  changed.port = `${proxy.port}`
  return Object.assign(proxy, { url: changed.href })
}
