import { Writable } from 'node:stream'
import { pino } from 'pino'
import { expect } from 'vitest'
import { errorKinds } from '../../../src/errors.ts'
import { memoryIpam } from '../../../src/ipam/memory.ts'
import { admin, startTestApi } from '../../helpers/api.ts'
import { joinTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'
import { canary, type Door, expectNoSecret } from '../door.ts'
import { watchLedger } from '../ledger.ts'
import { mutate, spoilt } from '../make/mutate.ts'
import { encoded, type OpenApi, requests, type Wanted } from '../make/requests.ts'

const books = memoryIpam({ pools: { p: '10.9.0.0/24' } })
const ipamDrivers = { memory: () => books }

/** For a while: while there are workers, the ledger is never still. */
const startWorkers = (app: TestApp) => joinTestApp(app, { work: { concurrency: 5 }, ipamDrivers })

const unlimited = { client: 1e9, others: 1e9 }

/** What changes nothing by its nature, or was refused before anybody looked into it. */
const harmless = new Set(['GET', 'HEAD', 'OPTIONS'])
const atTheGate = new Set([401, 403, 405, 415])

/** What refuses a request without having a problem for it: HEAD has no body, and pages for people are HTML. */
const bodiless = new Set(['HEAD', 'OPTIONS'])

/** The HTTP API of an ipbridge with a little of everything in its ledger. */
export async function openHttp() {
  const log = { text: '' }
  const sink = new Writable({
    write(chunk, _encoding, done) {
      log.text += chunk
      done()
    },
  })
  const bed = await startTestApi({
    work: false,
    limits: unlimited,
    log: pino({ level: 'trace' }, sink),
    ipamDrivers,
  })
  const ids = await furnish(bed)
  const document: OpenApi = (await bed.ask(undefined, 'GET', '/api/openapi.json')).json()
  const ledger = await watchLedger(bed.app.db)
  let before = await ledger.mark()
  let visitors = 0
  const reach = { accepted: 0, refused: 0 }
  const session = await signIn()

  async function signIn(): Promise<string> {
    const answer = await bed.ask(undefined, 'POST', '/api/v1/session', {
      body: { token: bed.tokens.operator },
    })
    return String(answer.headers['set-cookie']).split(';')[0] ?? ''
  }

  /** Each failed try comes from elsewhere, so that none is merely told to slow down. */
  function credentials(who: Wanted['who']): Record<string, string> {
    if (who === 'stranger') return {}
    if (who === 'impostor') return { authorization: `Bearer ipb_${'y'.repeat(43)}` }
    if (who === 'session') return { cookie: session, 'sec-fetch-site': 'same-origin' }
    return { authorization: `Bearer ${bed.tokens[who]}` }
  }

  async function send(wanted: Wanted) {
    const { who, method, params, query, type, body, headers } = wanted
    let next = 0
    const path = wanted.path.replace(/\{\w+\}/g, () => encoded(params[next++] ?? ''))
    const words = Object.entries(query)
      // Waiting for workers that there are none of would only take time.
      .map(([name, value]) => [name, name === 'wait' && value === '' ? '1' : value])
      .map(([name = '', value = '']) => `${encoded(name)}=${encoded(value)}`)
    const text = body === undefined ? undefined : JSON.stringify(mutate(body, wanted.changes))
    const kind = type === '' ? {} : { 'content-type': type }
    return bed.api.inject({
      method: method as 'GET',
      url: words.length === 0 ? path : `${path}?${words.join('&')}`,
      headers: { ...kind, ...headersOf(headers), ...credentials(who) },
      ...(text === undefined ? {} : { payload: spoilt(text, wanted.spoil) }),
      remoteAddress: `10.${(visitors >> 16) & 255}.${(visitors >> 8) & 255}.${visitors++ & 255}`,
    })
  }

  async function enter(wanted: Wanted): Promise<void> {
    const answer = await send(wanted)
    const { statusCode: status } = answer
    const told = `${status} ${answer.body.slice(0, 500)}`
    expect([status < 500 || status === 503, told], 'not our fault').toEqual([true, told])
    expectNoSecret(answer.body)
    expectNoSecret(JSON.stringify(answer.headers))
    expectNoSecret(log.text)
    log.text = ''
    if (status < 400) reach.accepted += 1
    else reach.refused += 1
    if (!harmless.has(wanted.method) && !atTheGate.has(status)) {
      const was = before
      before = await ledger.mark()
      if (status >= 400) expect(before, `no effect of what was refused with ${told}`).toEqual(was)
    }
    if (status < 400) return
    if (bodiless.has(wanted.method)) return
    expect(answer.headers['content-type'], told).toBe('application/problem+json')
    const problem = answer.json()
    expect(Object.keys(errorKinds)).toContain(problem.code)
    expect(problem.code, told).not.toBe('internal')
    expect(problem.detail.length).toBeGreaterThan(3)
  }

  /** What was accepted is done, once there is somebody to do it. */
  async function workOn(): Promise<void> {
    const workers = await startWorkers(bed.app)
    const event = events.created({ id: 'after-all', server: 'node9' })
    const answer = await bed.ask('billing', 'POST', '/api/v1/events?wait=30', { body: event })
    expect(answer.json()).toMatchObject({ events: [{ state: 'done', addresses: [{ state: 'active' }] }] })
    await until(
      'nothing waits that could be done',
      async () => {
        const open = await bed.app.db.operation.count({
          where: { state: { in: ['queued', 'running'] }, errorCode: null },
        })
        return open === 0
      },
      60_000,
    )
    await workers.shutDown()
  }

  const door: Door<Wanted> = { name: 'HTTP requests', inputs: requests(document, ids), enter, share: 12 }
  return { door, reach, bed, workOn, shutDown: bed.shutDown }
}

/** Names that no HTTP library would send are for the door of raw connections. */
function headersOf(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      value.replace(/[^\t\x20-\x7e\x80-\xff]/g, '').slice(0, 4_000),
    ]),
  )
}

/** @returns the ids of what there is, by list */
async function furnish({ app, ask, makeToken }: Awaited<ReturnType<typeof startTestApi>>) {
  const { desk } = app
  await desk.pools.add(admin, { name: 'v4', cidr: '192.0.2.0/24', connection: 'builtin' })
  await desk.pools.add(admin, { name: 'v6', cidr: '2001:db8::/64', connection: 'builtin' })
  await desk.pools.add(admin, { name: 'spare', cidr: '192.168.0.0/28', connection: 'builtin' })
  await desk.pools.add(admin, { name: 'kept', cidr: '172.16.0.0/20', connection: 'builtin' })
  await desk.connections.add(admin, { name: 'ipam', driver: 'memory', password: `${canary}-stored` })
  await desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
  await desk.servers.add(admin, {
    name: 'node2',
    panel: 'none',
    connection: 'ipam',
    password: `${canary}-stored`,
  })
  await desk.servers.add(admin, {
    name: 'node9',
    panel: 'none',
    connection: 'builtin',
    options: { pools: ['kept'] },
  })
  await desk.webhooks.add(admin, { name: 'hook', url: 'http://127.0.0.1:1/', allowPrivate: true })
  const workers = await startWorkers(app)
  const addresses = [{ family: 'ipv4' as const, count: 2 }, { family: 'ipv6' as const }]
  const created = [
    events.created({ id: 's1' }, { addresses }),
    events.created({ id: 's2', client: 'client-2', server: 'node2' }),
    events.created({ id: 's3', server: 'node9', setup: { rootPassword: `${canary}-setup` } }),
    events.created({ id: 's4', server: 'node9' }, { addresses: [{ family: 'ipv6' }] }),
  ]
  const answer = await ask('billing', 'POST', '/api/v1/events?wait=30', { body: created })
  expect(answer.statusCode).toBe(200)
  await desk.reconciliations.start('ipam', 'operator:test')
  await until('the comparison has ended', () =>
    app.db.reconciliation.findFirst({ where: { state: 'planned' } }),
  )
  await workers.shutDown()
  await makeToken('viewer')
  const list = async (name: string) => {
    const { items } = (await ask('admin', 'GET', `/api/v1/${name}`)).json()
    return items.map(({ id }: { id: string }) => id) as string[]
  }
  const [spare = ''] = await list('tokens')
  return {
    operations: await list('operations'),
    services: await list('services'),
    service: ['s1', 's2', 's3', 'new-1', 'new-2'],
    reconciliations: await list('reconciliations'),
    conflicts: [crypto.randomUUID()],
    tokens: [spare],
    id: ['e1', 'e2', 's1', 'new-1', 'new-2'],
  }
}
