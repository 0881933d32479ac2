import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KnownRoute } from '../../../src/api/missing.ts'
import { allows, type Permission, permissions } from '../../../src/api/roles.ts'
import { type Role, roles } from '../../../src/desk/actor.ts'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { type RouteRow, routeRows } from './route-table.ts'

const guarded = (Object.keys(permissions) as Permission[]).filter(name => name !== 'public')
const permissionsOf = (role: Role) =>
  guarded.filter(name => allows(name as Exclude<Permission, 'public'>, role))

describe('the table of roles', () => {
  it('lets an administrator do everything', () => {
    expect(permissionsOf('admin')).toEqual(guarded)
  })

  it('keeps tokens and credentials from operators, and nothing else', () => {
    expect(guarded.filter(name => !permissionsOf('operator').includes(name))).toEqual([
      'connections.write',
      'servers.write',
      'webhooks.write',
      'tokens.manage',
    ])
  })

  it('lets billing send events and see what became of them', () => {
    expect(permissionsOf('billing')).toEqual([
      'session.use',
      'events.send',
      'events.read',
      'operations.read',
      'services.read',
      'addresses.read',
      'outbox.read',
    ])
  })

  it('lets clients see services and addresses and change PTRs', () => {
    expect(permissionsOf('client')).toEqual([
      'session.use',
      'services.read',
      'addresses.read',
      'addresses.ptr',
    ])
  })

  it('lets viewers read, but not tokens', () => {
    expect(permissionsOf('viewer')).toEqual(
      guarded.filter(name => name.endsWith('.read') || name === 'session.use'),
    )
  })
})

describe.skipIf(queueMissing)('every route', () => {
  let bed: TestApi
  let guardedRoutes: KnownRoute[]

  beforeAll(async () => {
    bed = await startTestApi({ work: false })
    guardedRoutes = bed.api.knownRoutes.filter(route => route.permission() !== 'public')
  })
  afterAll(() => bed.shutDown())

  const pathOf = ({ url }: KnownRoute) => url.replace(/:\w+/g, 'none').replace('*', 'none')
  const methodOf = ({ method }: KnownRoute) => method as 'GET'
  const nameOf = (route: KnownRoute) => `${route.method} ${route.url}`

  it('stands in the table of this test, with exactly those who may call it', () => {
    const known = bed.api.knownRoutes.filter(({ method }) => method !== 'HEAD')
    const isOpen = (route: KnownRoute) => route.permission() === 'public'
    const mayCall = (route: KnownRoute) =>
      roles.filter(role => allows(route.permission() as Exclude<Permission, 'public'>, role))
    const rows = known.map(route => ({
      route: nameOf(route),
      who: isOpen(route) ? ['anybody'] : mayCall(route),
    }))
    const byRoute = (a: RouteRow, b: RouteRow) => a.route.localeCompare(b.route)
    expect(rows.sort(byRoute)).toEqual([...routeRows].sort(byRoute))
  })

  it('says who may call it', () => {
    expect(bed.api.knownRoutes.filter(route => route.permission() === undefined)).toEqual([])
    expect(guardedRoutes.filter(route => route.url.startsWith('/api/v1/')).length).toBeGreaterThan(60)
    expect(guardedRoutes.filter(route => route.url.startsWith('/queues')).length).toBeGreaterThan(30)
  })

  it('is open to strangers only where nothing is to be seen', () => {
    const open = bed.api.knownRoutes.filter(
      route => route.permission() === 'public' && route.method !== 'HEAD',
    )
    const apiPages = open.filter(route => route.url.startsWith('/docs'))
    expect(apiPages.every(route => route.method === 'GET')).toBe(true)
    expect(
      open
        .filter(route => !apiPages.includes(route))
        .map(nameOf)
        .sort(),
    ).toEqual([
      'GET /',
      'GET /api/openapi.json',
      'GET /healthz',
      'GET /login',
      'GET /metrics',
      'GET /readyz',
      'GET /style.css',
      'POST /api/v1/session',
      'POST /login',
      'POST /logout',
    ])
  })

  it.each(roles)('is answered or refused as the table says, for the role %s', async role => {
    // What HEAD may do, GET tells with words.
    const routes = guardedRoutes.filter(route => route.method !== 'HEAD')
    const verdicts = []
    for (const route of routes) {
      const answer = await bed.ask(role, methodOf(route), pathOf(route))
      expect([nameOf(route), answer.statusCode]).not.toEqual([nameOf(route), 401])
      const isRefused = answer.statusCode === 403 && /the role \w+ may not/.test(answer.body)
      verdicts.push([nameOf(route), isRefused])
    }
    const lets = new Map(routeRows.map(({ route, who }) => [route, who]))
    const expected = routes.map(route => [nameOf(route), !lets.get(nameOf(route))?.includes(role)])
    expect(verdicts).toEqual(expected)
  })

  it('that changes something is refused to the cookie of a session where another site asks with it', async () => {
    const opened = await bed.ask(undefined, 'POST', '/api/v1/session', { body: { token: bed.tokens.admin } })
    const cookie = String(opened.headers['set-cookie']).split(';')[0] ?? ''
    const changing = guardedRoutes.filter(({ method }) => !['GET', 'HEAD'].includes(method))
    expect(changing.length).toBeGreaterThan(40)
    for (const route of changing) {
      const headers = { cookie, host: 'ipbridge.example', origin: 'https://evil.example' }
      const answer = await bed.ask(undefined, methodOf(route), pathOf(route), { headers })
      const isRefused = answer.statusCode === 403 && answer.body.includes('must come from our own pages')
      expect([nameOf(route), isRefused]).toEqual([nameOf(route), true])
    }
    const still = await bed.ask(undefined, 'GET', '/api/v1/session', { headers: { cookie } })
    expect(still.statusCode, 'none of them ended the session').toBe(200)
  })

  it('refuses who has no token, or one that is made up, revoked or expired', async () => {
    const { desk } = bed.app
    const actor = { name: 'test', role: 'admin' as const }
    const revoked = await desk.tokens.add(actor, { name: 'revoked', role: 'admin' })
    await desk.tokens.remove(actor, revoked.id)
    const expired = await desk.tokens.add(actor, {
      name: 'old',
      role: 'admin',
      expiresAt: '2020-01-01T00:00:00Z',
    })
    const madeUp = `ipb_${'x'.repeat(43)}`
    let count = 0
    for (const token of [undefined, madeUp, 'nonsense', revoked.token, expired.token]) {
      for (const route of guardedRoutes) {
        count += 1
        const remote = `10.0.${count >> 8}.${count & 255}`
        const who = token === undefined ? undefined : { token }
        const answer = await bed.ask(who, methodOf(route), pathOf(route), { remote })
        expect([nameOf(route), token, answer.statusCode]).toEqual([nameOf(route), token, 401])
      }
    }
  })
})
