import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApi } from '../../../src/api/app.ts'
import { admin, startTestApi, type TestApi } from '../../helpers/api.ts'
import { joinTestApp, queueMissing } from '../../helpers/app.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('a token', () => {
  let bed: TestApi
  let other: Awaited<ReturnType<typeof joinTestApp>>
  let otherApi: Awaited<ReturnType<typeof createApi>>

  beforeAll(async () => {
    bed = await startTestApi({ work: false })
    other = await joinTestApp(bed.app, { work: false })
    otherApi = await createApi(other)
  })
  afterAll(async () => {
    await otherApi.close()
    await other.shutDown()
    await bed.shutDown()
  })

  /** What a process answers to who shows the token, or a cookie. */
  const statusAt = async (api: typeof otherApi, headers: Record<string, string>) =>
    (await api.inject({ method: 'GET', url: '/api/v1/pools', headers })).statusCode
  const bearing = (token: string) => ({ authorization: `Bearer ${token}` })
  async function signIn(token: string): Promise<{ cookie: string }> {
    const answer = await bed.ask(undefined, 'POST', '/api/v1/session', { body: { token } })
    return { cookie: String(answer.headers['set-cookie']).split(';')[0] ?? '' }
  }

  it('is stored nowhere, nor is a session: only hashes are', async () => {
    const { token } = await bed.app.desk.tokens.add(admin, { name: 'kept', role: 'viewer' })
    const { cookie } = await signIn(token)
    const secrets = [token.slice(4), cookie.split('=')[1] ?? '']
    expect(secrets.map(({ length }) => length)).toEqual([43, 43])
    const tables = await bed.app.db.$queryRaw<{ name: string }[]>`
      select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'bullmq')`
    let rows = 0
    for (const { name } of tables) {
      const texts = await bed.app.db.$queryRawUnsafe<{ text: string }[]>(
        `select t::text as text from ${name} t`,
      )
      rows += texts.length
      expect([name, texts.filter(({ text }) => secrets.some(secret => text.includes(secret)))]).toEqual([
        name,
        [],
      ])
    }
    expect(rows).toBeGreaterThan(10)
  })

  it('that is revoked is refused at once by the process that revokes it, and within two seconds by all', async () => {
    const { id, token } = await bed.app.desk.tokens.add(admin, { name: 'brief', role: 'viewer' })
    const cookie = await signIn(token)
    for (const api of [bed.api, otherApi]) {
      expect([await statusAt(api, bearing(token)), await statusAt(api, cookie)]).toEqual([200, 200])
    }
    const revokedAt = performance.now()
    expect((await bed.ask('admin', 'DELETE', `/api/v1/tokens/${id}`)).statusCode).toBe(204)
    expect([await statusAt(bed.api, bearing(token)), await statusAt(bed.api, cookie)]).toEqual([401, 401])
    await until(
      'the other process refuses it',
      async () => (await statusAt(otherApi, bearing(token))) === 401,
    )
    await until('and its session', async () => (await statusAt(otherApi, cookie)) === 401)
    // The second is for a machine that has much to do.
    expect(performance.now() - revokedAt).toBeLessThan(2_000)
  })

  it('that expires is refused from that moment on, in all processes, with its sessions', async () => {
    const expiresAt = new Date(Date.now() + 1_500)
    const { token } = await bed.app.desk.tokens.add(admin, {
      name: 'ending',
      role: 'viewer',
      expiresAt: expiresAt.toISOString(),
    })
    const cookie = await signIn(token)
    const ask = () =>
      Promise.all([bed.api, otherApi].flatMap(api => [statusAt(api, bearing(token)), statusAt(api, cookie)]))
    // Asked until the end, so that all of them have just been found good.
    await until('it has expired', async () => {
      const statuses = await ask()
      return Date.now() > expiresAt.getTime() || statuses.includes(401)
    })
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt.getTime())
    expect(await ask()).toEqual([401, 401, 401, 401])
  })
})
