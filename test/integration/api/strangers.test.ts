import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createApi } from '../../../src/api/app.ts'
import type { KnownRoute } from '../../../src/api/missing.ts'
import { allows, type Permission } from '../../../src/api/roles.ts'
import { furnish, startTestApi, type TestApi } from '../../helpers/api.ts'
import { joinTestApp, queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'

/** What a body may need, by method and path; a route that is opened to clients and changes something wants one here. */
const bodies: Record<string, object> = { 'PATCH /api/v1/addresses/:ip': { ptr: 'stolen.example.net' } }

/** Routes about the caller alone: there is nothing of others at them. */
const ofOneself = /^\/api\/v1\/session$/

describe.skipIf(queueMissing)('Every route that clients may call', () => {
  let bed: TestApi
  /** A process that does nothing but answer, so that what it asks of the database can be counted. */
  let quiet: Awaited<ReturnType<typeof joinTestApp>>
  let quietApi: Awaited<ReturnType<typeof createApi>>
  let theirs: { id: string; ip: string }
  const nobodys = { id: 'nothing', ip: '192.0.2.250' }
  let routes: KnownRoute[]
  let filters: Map<string, string[]>
  /** What must never be seen: everything that is known of the other client. */
  let traces: string[]

  beforeAll(async () => {
    bed = await startTestApi()
    quiet = await joinTestApp(bed.app, { work: false })
    quietApi = await createApi(quiet)
    await furnish(bed.app)
    const answer = await bed.ask('billing', 'POST', '/api/v1/events?wait', {
      body: [
        events.created({ id: 'mine' }),
        events.created({ id: 'theirs', client: 'client-2', domain: 'secret-shop.example.net' }),
        events.deleted('theirs-gone'),
      ],
    })
    const { address, marker } = answer.json().events[1].addresses[0]
    theirs = { id: 'theirs', ip: address }
    traces = ['theirs', 'client-2', 'secret-shop', address, marker]
    routes = bed.api.knownRoutes.filter(route => {
      const permission = route.permission() as Permission
      const isOpen = permission !== 'public' && allows(permission as Exclude<Permission, 'public'>, 'client')
      return isOpen && route.method !== 'HEAD' && !ofOneself.test(route.url)
    })
    const { paths } = (await bed.ask(undefined, 'GET', '/api/openapi.json')).json()
    filters = new Map(
      Object.entries(paths as Record<string, { get?: { parameters?: { name: string; in: string }[] } }>).map(
        ([path, { get }]) => [
          path.replace(/\{(\w+)\}/g, ':$1'),
          (get?.parameters ?? []).filter(one => one.in === 'query').map(one => one.name),
        ],
      ),
    )
  })
  afterAll(async () => {
    await quietApi.close()
    await quiet.shutDown()
    await bed.shutDown()
  })

  const nameOf = ({ method, url }: KnownRoute) => `${method} ${url}`
  const isAbout = ({ url }: KnownRoute) => url.includes(':')
  const ask = (route: KnownRoute, what: { id: string; ip: string }, who: 'client' | 'admin' = 'client') => {
    const url = route.url.replace(':id', what.id).replace(':ip', what.ip)
    const body = bodies[nameOf(route)]
    return bed.ask(who, route.method as 'GET', url, body === undefined ? {} : { body })
  }

  /** What an answer says, without what differs between any two. */
  function gist({ statusCode, body, headers }: Awaited<ReturnType<typeof ask>>, { id, ip }: typeof theirs) {
    const { instance: _, ...problem } = JSON.parse(body)
    const said = JSON.stringify(problem).replaceAll(id, '…').replaceAll(ip, '…')
    const { 'x-request-id': __, date: ___, 'content-length': ____, ...rest } = headers
    const counted = Object.keys(rest).filter(name => !name.startsWith('x-ratelimit'))
    return { statusCode, said, headers: counted }
  }

  /** How often the database is asked for an answer: what takes time, without the chances of measuring it. */
  async function looksOf(route: KnownRoute, what: typeof theirs): Promise<number> {
    const request = {
      method: route.method as 'GET',
      url: route.url.replace(':id', what.id).replace(':ip', what.ip),
      headers: { authorization: `Bearer ${bed.tokens.client}` },
      ...(bodies[nameOf(route)] ? { payload: bodies[nameOf(route)] } : {}),
    }
    // Whose token it is is asked once in a while, by other means, and that it was used noted then.
    const spies = [vi.spyOn(quiet.db, '$queryRaw'), vi.spyOn(quiet.db, '$transaction')]
    try {
      expect((await quietApi.inject(request)).statusCode).toBe(404)
      return spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0)
    } finally {
      for (const spy of spies) spy.mockRestore()
    }
  }

  it('is known to this test', () => {
    expect(routes.map(nameOf).sort()).toEqual([
      'GET /api/v1/addresses',
      'GET /api/v1/addresses/:ip',
      'GET /api/v1/services',
      'GET /api/v1/services/:id',
      'PATCH /api/v1/addresses/:ip',
    ])
  })

  it("answers about what is another's as about what is not there, after as many looks into the database", async () => {
    const about = routes.filter(isAbout)
    expect(about.length).toBeGreaterThan(2)
    for (const route of about) {
      expect([nameOf(route), gist(await ask(route, theirs), theirs)]).toEqual([
        nameOf(route),
        gist(await ask(route, nobodys), nobodys),
      ])
      const looks = await looksOf(route, theirs)
      expect(looks, nameOf(route)).toBeGreaterThan(0)
      expect(await looksOf(route, nobodys), nameOf(route)).toBe(looks)
    }
    // And to whom it is shown it is shown: the comparison would see a difference.
    const shown = await ask(about[0] as KnownRoute, theirs, 'admin')
    expect([shown.statusCode, shown.body]).toEqual([200, expect.stringContaining('client-2')])
    expect((await ask(about[0] as KnownRoute, nobodys, 'admin')).statusCode).toBe(404)
  })

  it("lists nothing of another's, whatever it is filtered by", async () => {
    let found = 0
    for (const route of routes.filter(one => !isAbout(one))) {
      const names = filters.get(route.url) ?? []
      expect(names, nameOf(route)).toContain('limit')
      for (const name of names) {
        for (const value of [...traces, 'node1', 'builtin', 'vps', 'active', 'ipv4', '100']) {
          const url = `${route.url}?${name}=${encodeURIComponent(value)}`
          const answer = await bed.ask({ token: await fresh() }, 'GET', url)
          expect([url, answer.statusCode]).not.toEqual([url, 500])
          const { items = [] } = answer.json()
          if (answer.statusCode === 200) found += items.length
          // A refusal may repeat what was asked for.
          const said = JSON.stringify(items)
          expect([url, traces.filter(trace => said.includes(trace))]).toEqual([url, []])
        }
      }
    }
    expect(found, "the client's own").toBeGreaterThan(0)
  })

  let used = 0
  let token = ''
  /** A token of the same client that is not yet slowed down. */
  async function fresh(): Promise<string> {
    if (used++ % 100 === 0) token = await bed.makeToken('client', 'client-1')
    return token
  }

  it("changes nothing of another's", async () => {
    const before = await bed.app.db.event.count()
    for (const route of routes.filter(({ method }) => method !== 'GET')) {
      expect(bodies[nameOf(route)], `a body for ${nameOf(route)}`).toBeDefined()
      expect((await ask(route, theirs)).statusCode).toBe(404)
    }
    expect(await bed.app.db.event.count()).toBe(before)
  })
})
