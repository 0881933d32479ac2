import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Proxy as Line, startProxy } from '../../helpers/proxy.ts'
import { until } from '../../helpers/until.ts'

/** A socket whose story is kept. */
function watched(socket: Socket) {
  const story = { socket, got: '', error: '', closed: false }
  socket.on('data', chunk => {
    story.got += chunk
  })
  socket.on('error', error => {
    story.error = (error as NodeJS.ErrnoException).code ?? ''
  })
  socket.on('close', () => {
    story.closed = true
  })
  return story
}

describe('A line with faults', () => {
  let server: Server
  let proxy: Line
  const served: ReturnType<typeof watched>[] = []

  // An echo, so that whatever was heard is also answered.
  beforeEach(async () => {
    server = createServer(socket => {
      served.push(watched(socket))
      socket.on('data', chunk => socket.write(chunk))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    proxy = await startProxy({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  })
  afterEach(async () => {
    await proxy.close()
    for (const { socket } of served.splice(0)) socket.destroy()
    server.close()
  })

  async function dial() {
    const client = watched(connect(proxy.port, '127.0.0.1'))
    await once(client.socket, 'connect')
    const count = served.length
    const heard = await until('the server sees it', () => served[count] ?? served.at(-1))
    return { client, heard }
  }
  const says = (client: { socket: Socket }, text: string) => client.socket.write(text)
  /** Long enough for whatever gets through on this machine to have come through. */
  const aMoment = () => sleep(100)

  it('without any carries everything both ways, and hangs up on one side when the other does', async () => {
    const { client, heard } = await dial()
    says(client, 'hello')
    await until('the answer is there', () => client.got === 'hello')
    expect([heard.got, proxy.connections]).toEqual(['hello', 1])
    client.socket.end()
    await until('the server is told', () => heard.closed)
    await until('nothing is left of it', () => proxy.connections === 0)
  })

  it('that is frozen holds everything back and tells nobody, not even of a hang-up', async () => {
    const { client, heard } = await dial()
    proxy.freeze()
    says(client, 'held')
    await aMoment()
    expect([heard.got, client.closed]).toEqual(['', false])
    client.socket.destroy()
    await aMoment()
    expect(heard.closed).toBe(false)
    proxy.thaw()
    await until('the server hears it after all', () => heard.got === 'held' && heard.closed)
  })

  it('that is cut ends what is open and refuses what is new, until it is mended', async () => {
    const { client } = await dial()
    proxy.cut()
    await until('the client is told', () => client.closed)
    const refused = watched(connect(proxy.port, '127.0.0.1'))
    await until('the next one is refused', () => refused.error === 'ECONNREFUSED')
    await proxy.mend()
    const { client: next } = await dial()
    says(next, 'again')
    await until('it works again', () => next.got === 'again')
  })

  it('that swallows requests loses them for good, while answers still come', async () => {
    const { client, heard } = await dial()
    proxy.swallow('requests')
    says(client, 'lost')
    heard.socket.write('news')
    await until('news come', () => client.got === 'news')
    await proxy.mend()
    says(client, 'lost too')
    await aMoment()
    expect([heard.got, client.closed]).toEqual(['', false])
    const { client: next } = await dial()
    says(next, 'new')
    await until('a new connection works', () => next.got === 'new')
  })

  it('that swallows answers lets requests have their effect', async () => {
    const { client, heard } = await dial()
    proxy.swallow('answers')
    says(client, 'do it')
    await until('it is heard', () => heard.got === 'do it')
    await aMoment()
    expect([client.got, client.closed]).toEqual(['', false])
  })

  it('that swallows what was asked on one connection leaves the others alone', async () => {
    const { client } = await dial()
    const { client: other } = await dial()
    says(client, 'listen')
    says(other, 'select')
    await until('both are answered', () => client.got + other.got === 'listenselect')
    proxy.swallow('answers', 'listen')
    says(other, ' more')
    says(client, 'news?')
    await until('the other is answered', () => other.got === 'select more')
    expect(client.got).toBe('listen')
  })

  it('calls when something is said, before it gets through', async () => {
    const { client, heard } = await dial()
    proxy.when('commit', () => proxy.swallow('requests'))
    says(client, 'begin')
    await until('the first is heard', () => heard.got === 'begin')
    says(client, 'commit')
    await aMoment()
    expect(heard.got).toBe('begin')
  })

  it('that is slow takes its time with each piece', async () => {
    const { client } = await dial()
    proxy.slow({ latencyMs: 150 }, 'answers')
    const begun = performance.now()
    says(client, 'slowly')
    await until('the answer is there', () => client.got === 'slowly')
    expect(performance.now() - begun).toBeGreaterThanOrEqual(145)
  })

  it('that is narrow brings no more than it can, in slices', async () => {
    const { client, heard } = await dial()
    proxy.slow({ bytesPerSecond: 1_000, sliceBytes: 10 }, 'requests')
    const pieces: number[] = []
    heard.socket.on('data', chunk => pieces.push(chunk.length))
    const begun = performance.now()
    says(client, 'x'.repeat(200))
    await until('all of it is there', () => heard.got.length === 200)
    expect(performance.now() - begun).toBeGreaterThanOrEqual(190)
    expect(pieces.length).toBeGreaterThan(5)
  })

  it('that resets an answer does so after as many bytes, once, and only to the request that was named', async () => {
    const { client, heard } = await dial()
    const { client: other } = await dial()
    const sprung = proxy.resetAnswer({ to: 'commit', after: 3 })
    says(other, 'select')
    await until('another request is answered', () => other.got === 'select')
    says(client, 'commit')
    await sprung
    await until('the connection is reset', () => client.error === 'ECONNRESET')
    expect([heard.got, client.got]).toEqual(['commit', 'com'])
    says(other, ' commit')
    await until('it happens once', () => other.got === 'select commit')
  })
})
