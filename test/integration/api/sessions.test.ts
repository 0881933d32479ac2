import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'

describe.skipIf(queueMissing)("a browser's session", () => {
  let bed: TestApi

  beforeAll(async () => {
    bed = await startTestApi({ work: false })
  })
  afterAll(() => bed.shutDown())

  const own = { origin: 'http://localhost:80', host: 'localhost:80' }
  const form = { 'content-type': 'application/x-www-form-urlencoded' }

  async function signIn(role: 'operator' | 'viewer' = 'operator'): Promise<string> {
    const answer = await bed.ask(undefined, 'POST', '/api/v1/session', { body: { token: bed.tokens[role] } })
    expect(answer.statusCode).toBe(200)
    return String(answer.headers['set-cookie']).split(';')[0] ?? ''
  }
  const addPool = (headers: Record<string, string>, name: string) =>
    bed.ask(undefined, 'POST', '/api/v1/pools', { body: { name, cidr: '10.0.0.0/40' }, headers })

  it('is a cookie that scripts cannot read and other sites cannot send', async () => {
    const answer = await bed.ask(undefined, 'POST', '/api/v1/session', { body: { token: bed.tokens.viewer } })
    expect(answer.json()).toEqual({ name: 'viewer of the tests', role: 'viewer', client: null })
    const cookie = String(answer.headers['set-cookie'])
    expect(cookie).toMatch(/^ipbridge_session=[\w-]{43}; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/)
    expect(cookie).not.toContain(bed.tokens.viewer)
  })

  it('travels by HTTPS only where it came by HTTPS', async () => {
    const headers = { 'x-forwarded-proto': 'https' }
    const answer = await bed.ask(undefined, 'POST', '/api/v1/session', {
      body: { token: bed.tokens.viewer },
      headers,
    })
    expect(String(answer.headers['set-cookie'])).toContain('; Secure')
  })

  it('says who one is, until it ends', async () => {
    const cookie = await signIn()
    const who = () => bed.ask(undefined, 'GET', '/api/v1/session', { headers: { cookie } })
    expect((await who()).json()).toMatchObject({ role: 'operator' })
    const end = await bed.ask(undefined, 'DELETE', '/api/v1/session', { headers: { cookie, ...own } })
    expect(end.statusCode).toBe(204)
    expect(String(end.headers['set-cookie'])).toMatch(/^ipbridge_session=;/)
    expect((await who()).statusCode).toBe(401)
  })

  it('ends with the token', async () => {
    const { id, token } = await bed.app.desk.tokens.add(
      { name: 'test', role: 'admin' },
      { name: 'brief', role: 'viewer' },
    )
    const signedIn = await bed.ask(undefined, 'POST', '/api/v1/session', { body: { token } })
    const cookie = String(signedIn.headers['set-cookie']).split(';')[0] ?? ''
    const who = () => bed.ask(undefined, 'GET', '/api/v1/session', { headers: { cookie } })
    expect((await who()).statusCode).toBe(200)
    expect((await bed.ask('admin', 'DELETE', `/api/v1/tokens/${id}`)).statusCode).toBe(204)
    expect((await who()).statusCode).toBe(401)
  })

  it('reads from wherever, as browsers send no origin with that', async () => {
    const cookie = await signIn()
    expect((await bed.ask(undefined, 'GET', '/api/v1/pools', { headers: { cookie } })).statusCode).toBe(200)
  })

  it('changes something only from our own pages', async () => {
    const cookie = await signIn()
    const foreign: Record<string, string>[] = [
      {},
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: 'http://localhost:81' },
      { origin: 'not a url' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: own.origin },
      { 'sec-fetch-site': 'none' },
    ]
    for (const headers of foreign) {
      const answer = await addPool({ cookie, host: own.host, ...headers }, 'evil')
      expect([headers, answer.statusCode, answer.json().code]).toEqual([headers, 403, 'forbidden'])
    }
    for (const headers of [
      own,
      { host: own.host, origin: 'https://LOCALHOST:80' },
      { 'sec-fetch-site': 'same-origin' },
    ]) {
      const answer = await addPool({ cookie, ...headers }, 'good')
      expect([headers, answer.statusCode]).toEqual([headers, 422])
    }
  })

  it('needs no origin with a token, which no browser sends by itself', async () => {
    const cookie = await signIn('viewer')
    const authorization = `Bearer ${bed.tokens.operator}`
    expect((await addPool({ cookie, authorization }, 'x')).statusCode).toBe(422)
  })

  it('has the rights of its token', async () => {
    const cookie = await signIn('viewer')
    expect((await addPool({ cookie, ...own }, 'x')).statusCode).toBe(403)
  })

  it('is not given for anything but a live token', async () => {
    for (const token of ['nonsense', `ipb_${'x'.repeat(43)}`]) {
      const answer = await bed.ask(undefined, 'POST', '/api/v1/session', {
        body: { token },
        remote: '10.1.1.1',
      })
      expect([answer.statusCode, answer.headers['set-cookie']]).toEqual([401, undefined])
    }
  })

  it('begins with a plain form, without any script', async () => {
    const page = await bed.ask(undefined, 'GET', '/login?next=%2Fqueues%2Fqueue%2Fallocate')
    expect(page.headers['content-type']).toContain('text/html')
    expect(page.body).toContain('<form method="post" action="/login">')
    expect(page.body).toContain('name="next" value="/queues/queue/allocate"')
    expect(page.body).not.toContain('<script')
    expect(String(page.headers['content-security-policy'])).toMatch(
      /^default-src 'none';(?!.*script-src)(?!.*unsafe)/,
    )

    const body = new URLSearchParams({
      token: bed.tokens.operator,
      next: '/queues/queue/allocate',
    }).toString()
    const answer = await bed.ask(undefined, 'POST', '/login', { body, headers: { ...form, ...own } })
    expect([answer.statusCode, answer.headers.location]).toEqual([303, '/queues/queue/allocate'])
    const cookie = String(answer.headers['set-cookie']).split(';')[0] ?? ''
    const home = await bed.ask(undefined, 'GET', '/', { headers: { cookie } })
    expect(home.body).toContain('<strong>operator of the tests</strong> (operator)')
    const out = await bed.ask(undefined, 'POST', '/logout', {
      body: '',
      headers: { ...form, ...own, cookie },
    })
    expect([out.statusCode, out.headers.location]).toEqual([303, '/'])
    expect((await bed.ask(undefined, 'GET', '/', { headers: { cookie } })).body).toContain('Sign in')
  })

  it('says on the form that the token was wrong, and never repeats it', async () => {
    const body = new URLSearchParams({
      token: 'ipb_<script>',
      next: '"><script>alert(1)</script>',
    }).toString()
    const answer = await bed.ask(undefined, 'POST', '/login', { body, headers: form, remote: '10.1.1.2' })
    expect(answer.statusCode).toBe(401)
    expect(answer.body).toContain('role="alert"')
    expect(answer.body).not.toContain('script')
  })

  it('is not begun by the form of another site', async () => {
    const body = new URLSearchParams({ token: bed.tokens.operator }).toString()
    const headers = { ...form, host: own.host, origin: 'http://evil.example' }
    expect((await bed.ask(undefined, 'POST', '/login', { body, headers })).statusCode).toBe(403)
  })

  it.each([
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    '/.//evil.example',
    '/%0d%0aset-cookie:x',
    'javascript:alert(1)',
  ])('does not lead to %s', async next => {
    const body = new URLSearchParams({ token: bed.tokens.operator, next }).toString()
    const answer = await bed.ask(undefined, 'POST', '/login', { body, headers: form })
    expect(answer.statusCode).toBe(303)
    expect(new URL(String(answer.headers.location), 'http://here').origin).toBe('http://here')
    expect(answer.headers.location).toMatch(/^\/(?!\/)/)
  })
})
