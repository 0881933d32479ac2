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
  /** How many connections those who connect hold open. */
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
   * @param of only of connections on which this was said before; default: of all
   */
  swallow(direction: Direction, of?: string): void
  slow(slowness: Slowness, direction?: Direction): void
  /**
   * Resets the connection (RST) in the middle of one answer: after so many bytes of it.
   * @param which.to the answer to the first request that contains this text; default: to any
   * @returns when it has happened
   */
  resetAnswer(which?: { to?: string; after?: number }): Promise<void>
  /** Calls once when the next request comes that contains a text, before it is passed on. */
  when(text: string, act: () => void): void
  /** Ends all faults. */
  mend(): Promise<void>
  close(): Promise<void>
}

/** How much is remembered of what was said on a connection, in bytes. */
const saidLength = 10_000

/** One connection. */
interface Link {
  inside: Socket
  outside: Socket
  /** What was said on it. */
  said: string
  /** In which direction it has lost something. */
  deaf: Direction | undefined
  /** How many bytes of an answer still get through before it is reset. */
  fuse: number | undefined
}

/** Listens on a port of its own and passes everything on to another. */
export async function startProxy(target: { host: string; port: number }): Promise<Proxy> {
  const links = new Set<Link>()
  const slowness: Record<Direction, Slowness> = { requests: {}, answers: {} }
  let swallowed: { direction: Direction; of: string } | undefined
  let awaited: { text: string; act: (link: Link) => void } | undefined
  let sprung = () => {}
  let frozen: Promise<void> | undefined
  let release = () => {}

  const server = createServer(inside => {
    const outside = connect(target)
    const link: Link = { inside, outside, said: '', deaf: undefined, fuse: undefined }
    links.add(link)
    for (const socket of [inside, outside]) socket.setNoDelay(true).on('error', () => undefined)
    void pass(link, 'requests')
    void pass(link, 'answers')
  })

  /** Carries one direction of one connection. */
  async function pass(link: Link, direction: Direction): Promise<void> {
    const [from, to] = ends(link, direction)
    from.once('close', () => void hangUp(link, direction))
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        await frozen
        if (direction === 'requests') listenTo(chunk, link)
        if (swallowed?.direction === direction && link.said.includes(swallowed.of)) link.deaf = direction
        if (link.deaf !== direction)
          await carry(direction === 'answers' ? fused(chunk, link) : chunk, to, slowness[direction])
      }
    } catch {
      // It was reset, or destroyed by a fault: `close` tells the other side.
    }
  }

  /** Of a line that is frozen, or that has lost something on the way there, nobody hears a hang-up. */
  async function hangUp(link: Link, direction: Direction): Promise<void> {
    await frozen
    if (link.deaf !== direction) ends(link, direction)[1].destroySoon()
    if (link.inside.destroyed && link.outside.destroyed) links.delete(link)
  }

  function listenTo(chunk: Buffer, link: Link): void {
    const text = chunk.toString('latin1')
    link.said = (link.said + text).slice(-saidLength)
    if (awaited === undefined || !text.includes(awaited.text)) return
    const { act } = awaited
    awaited = undefined
    act(link)
  }

  /** What still gets through of an answer that is to be reset. */
  function fused(chunk: Buffer, link: Link): Buffer {
    const { fuse, inside } = link
    if (fuse === undefined) return chunk
    link.fuse = Math.max(0, fuse - chunk.length)
    if (chunk.length >= fuse) {
      // What came before must have been read: together with it, the reset would be taken for an orderly end.
      setTimeout(() => {
        inside.resetAndDestroy()
        sprung()
      }, 20)
    }
    return chunk.subarray(0, fuse)
  }

  async function listen(port: number): Promise<void> {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }

  function dropAll(): void {
    for (const { inside, outside } of links) {
      inside.destroy()
      outside.destroy()
    }
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
      return [...links].filter(({ inside }) => !inside.destroyed).length
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
    swallow(direction, of = '') {
      swallowed = { direction, of }
    },
    slow(given, direction) {
      for (const each of direction ? [direction] : (['requests', 'answers'] as const)) slowness[each] = given
    },
    resetAnswer({ to = '', after = 0 } = {}) {
      return new Promise(resolve => {
        sprung = resolve
        awaited = {
          text: to,
          act(link) {
            link.fuse = after
          },
        }
      })
    },
    when(text, act) {
      awaited = { text, act }
    },
    async mend() {
      thaw()
      swallowed = undefined
      slowness.requests = {}
      slowness.answers = {}
      awaited = undefined
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

function ends({ inside, outside }: Link, direction: Direction): [from: Socket, to: Socket] {
  return direction === 'requests' ? [inside, outside] : [outside, inside]
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
