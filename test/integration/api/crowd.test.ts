import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { furnish, startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('A server that has too much to do', () => {
  let bed: TestApi
  let port: number
  const open: Socket[] = []

  beforeAll(async () => {
    bed = await startTestApi({
      work: false,
      crowd: { requests: 2, bytes: 3_000, connections: 6 },
      arrivalMs: 1_000,
    })
    await furnish(bed.app)
    port = Number(new URL(await bed.api.listen({ host: '127.0.0.1', port: 0 })).port)
  })
  afterAll(() => bed.shutDown())

  async function dial(): Promise<Socket> {
    const socket = connect(port, '127.0.0.1')
    open.push(socket)
    await once(socket, 'connect')
    return socket
  }
  async function hangUp(): Promise<void> {
    for (const socket of open.splice(0)) socket.destroy()
    await until('all have gone', async () => (await count()) === 0)
  }
  const count = () =>
    new Promise<number>(resolve => bed.api.server.getConnections((_, number) => resolve(number)))
  const head = (line: string, more: string[] = []) =>
    [line, 'host: x', `authorization: Bearer ${bed.tokens.billing}`, ...more, '', ''].join('\r\n')
  const post = (body: string, query = '') =>
    head(`POST /api/v1/events${query} HTTP/1.1`, [
      'connection: close',
      'content-type: application/json',
      `content-length: ${body.length}`,
    ]) + body
  const waiting = (id: string) => post(JSON.stringify(events.created({ id })), '?wait=60')
  const list = () => head('GET /api/v1/services HTTP/1.1', ['connection: close'])

  /** Sends something on a connection of its own. @returns the whole answer */
  async function say(what: string): Promise<string> {
    const socket = await dial()
    socket.write(what)
    return text(socket)
  }

  it('sends away with 503 and Retry-After who asks while as many are answered as may', async () => {
    for (const id of ['w1', 'w2']) (await dial()).write(waiting(id))
    await until('both wait', async () => (await bed.app.db.event.count()) === 2)
    const answer = await say(list())
    expect(answer).toMatch(/^HTTP\/1\.1 503 /)
    expect(answer).toMatch(/\r\nretry-after: 2\r\n/i)
    expect(answer).toContain('"code":"overloaded"')
    expect(await say('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 200 /,
    )
    await hangUp()
    await until('there is room again', async () => /^HTTP\/1\.1 200 /.test(await say(list())))
    // What was accepted is still there, although nobody waits for it any more.
    expect(await bed.app.db.operation.count({ where: { state: 'queued' } })).toBe(2)
  })

  it('reads no more bodies than it may hold', async () => {
    const slow = await dial()
    slow.write(post('x'.repeat(2_900)).slice(0, -2_000))
    await until('the long one is expected', async () =>
      /^HTTP\/1\.1 503 /.test(await say(post('x'.repeat(200)))),
    )
    await hangUp()
  })

  it('answers who comes on a connection too many with 503 as well, and closes it', async () => {
    while (open.length < 6) await dial()
    await until('they are counted', async () => (await count()) === 6)
    const answer = await say(list().replace('connection: close\r\n', ''))
    expect(answer).toMatch(/^HTTP\/1\.1 503 /)
    expect(answer).toMatch(/\r\nretry-after: 2\r\n/i)
    await hangUp()
  })

  it('lets nobody in beyond twice as many connections', async () => {
    while (open.length < 12) await dial()
    await until('they are counted', async () => (await count()) === 12)
    expect(await say(list()).catch(error => error.code)).toMatch(/^$|ECONNRESET/)
    await hangUp()
  })

  it.each([
    ['says nothing', ''],
    ['does not end its head', 'GET /api/v1/services HTTP/1.1\r\nhost: x\r\nx-slow: '],
    ['does not end its body', 'POST'],
  ])('hangs up on who %s', async (_, what) => {
    const answer = await say(what === 'POST' ? post('x'.repeat(100)).slice(0, -50) : what)
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    await hangUp()
  })

  it('says what is no request in a problem', async () => {
    const answer = await say('EHLO mail.example.net\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json\r\n/)
    expect(answer).toContain('"code":"malformed_request","detail":"this is not an HTTP/1.1 request"')
    await hangUp()
  })

  it('does not take a head that is too long', async () => {
    expect(await say(head('GET /api/v1/services HTTP/1.1', [`x-long: ${'x'.repeat(20_000)}`]))).toMatch(
      /^HTTP\/1\.1 431 /,
    )
    await hangUp()
  })
})
