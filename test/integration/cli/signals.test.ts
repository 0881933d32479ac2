import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, furnish } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { type Running, startIpbridge } from '../../helpers/cli.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('A process of ipbridge that stays', { timeout: 60_000 }, () => {
  let app: TestApp
  let token: string
  beforeAll(async () => {
    app = await startTestApp({ work: false })
    await furnish(app)
    token = (await app.desk.tokens.add(admin, { name: 'test', role: 'admin' })).token
  })
  afterAll(() => app.shutDown())

  const start = (command: string) =>
    startIpbridge([command], { env: { ...app.env, LOG_LEVEL: 'info', PORT: '0' } })

  /** Where it says that it answers. */
  const urlOf = ({ out, err }: Running) => /http:\/\/127\.0\.0\.1:\d+/.exec(out + err)?.[0] ?? ''

  function post(url: string, event: object, query = ''): Promise<Response> {
    return fetch(`${url}/api/v1/events${query}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(event),
    })
  }

  it.each([
    ['start', 'Ctrl-C stops it'],
    ['api', 'the API answers'],
    ['worker', 'the worker works'],
  ])('as `%s` ends in order on SIGTERM, with exit code 0', async (command, sign) => {
    const running = start(command)
    await running.says(sign)
    const { code, err } = await running.stop()
    expect(code).toBe(0)
    expect(err.indexOf('"stopping"')).toBeGreaterThan(-1)
    expect(err.indexOf('"stopped"')).toBeGreaterThan(err.indexOf('"stopping"'))
  })

  it('ends what it works on before it leaves, and answers whoever still waits for it', async () => {
    const running = start('start')
    await running.says('Ctrl-C stops it')
    const sent = events.created({ id: 'in-flight' })
    const answer = post(urlOf(running), sent, '?wait=30')
    await until('it was taken in', () => app.db.event.findFirst({ where: { eventId: sent.id } }))
    const { code } = await running.stop('SIGINT')
    expect(code).toBe(0)
    expect([200, 202]).toContain((await answer).status)
    expect(await app.db.operation.count({ where: { state: 'running' } })).toBe(0)
  })

  it('ends at once on a second signal, with exit code 1', async () => {
    const running = start('api')
    await running.says('the API answers')
    // A request whose body never comes: closing waits for it.
    const socket = connect(Number(new URL(urlOf(running)).port), '127.0.0.1').on('error', () => undefined)
    socket.write(
      `POST /api/v1/events HTTP/1.1\r\nHost: ipbridge\r\nAuthorization: Bearer ${token}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n',
    )
    const [heard] = await once(socket, 'data')
    expect(String(heard)).toContain('100 Continue')
    running.child.kill('SIGTERM')
    await running.says('"stopping"')
    const { code, err } = await running.stop('SIGTERM')
    expect(code).toBe(1)
    expect(err).not.toContain('"stopped"')
    socket.destroy()
  })
})
