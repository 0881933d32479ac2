import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApi } from '../../../src/api/app.ts'
import { type App, createApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config.ts'
import { freePort } from '../../../src/db/embedded/free-port.ts'
import { queueMissing, testSecret } from '../../helpers/app.ts'

describe.skipIf(queueMissing)('while the database is away', () => {
  const lines: string[] = []
  let app: App
  let api: Awaited<ReturnType<typeof createApi>>

  beforeAll(async () => {
    const nobody = await freePort()
    const config = loadConfig({
      DATABASE_URL: `postgres://ipbridge:canary-password@127.0.0.1:${nobody}/ipbridge`,
      IPBRIDGE_SECRET: testSecret,
    })
    const sink = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk))
        done()
      },
    })
    app = await createApp(config, pino({ level: 'trace' }, sink))
    api = await createApi(app)
  })
  afterAll(async () => {
    await api.close()
    await app.close()
  })

  const get = (url: string) => api.inject({ url, headers: { authorization: `Bearer ipb_${'x'.repeat(43)}` } })

  it('the API answers 503, and says when to come back, but not why', async () => {
    const answer = await get('/api/v1/pools')
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5'])
    expect(answer.json()).toMatchObject({ code: 'unavailable', status: 503, title: 'Unavailable' })
    expect(answer.body).not.toMatch(/ECONNREFUSED|127\.0\.0\.1|prisma|select/i)
  })

  it('the log says why, under the id that the answer carries', async () => {
    const answer = await get('/api/v1/pools')
    const entry = lines.find(line => line.includes(String(answer.headers['x-request-id'])))
    expect(entry).toMatch(/ECONNREFUSED|reach/)
    expect(lines.join('')).not.toContain('canary-password')
  })

  it('the process lives, but is not ready', async () => {
    expect((await get('/healthz')).statusCode).toBe(200)
    const ready = await get('/readyz')
    expect([ready.statusCode, ready.json()]).toMatchObject([
      503,
      { missing: expect.arrayContaining([{ part: 'database', detail: 'the database does not answer' }]) },
    ])
  })

  it('the metrics say so', async () => {
    const answer = await get('/metrics')
    expect(answer.statusCode).toBe(200)
    expect(answer.body).toContain('ipbridge_up{part="database"} 0')
  })
})
