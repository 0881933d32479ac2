import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { furnish, startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'

const sql = [
  "' or '1'='1",
  "'; drop table service; --",
  '" union select hash from token --',
  "\\'; select pg_sleep(20) --",
  '$1::text) or true --',
  "%' or 1=1 --",
]

const forged = '{"level":30,"time":1,"actor":"admin","msg":"forged"}'
const breaking = [`x\n${forged}`, `x\r\n${forged}`, `x\u2028${forged}`, `x\u001b[2K${forged}`]

describe.skipIf(queueMissing)('What somebody else says', () => {
  let bed: TestApi
  const lines: string[] = []

  beforeAll(async () => {
    const sink = new Writable({
      write(chunk, _encoding, done) {
        lines.push(...String(chunk).split('\n').filter(Boolean))
        done()
      },
    })
    bed = await startTestApi({
      log: pino({ level: 'trace' }, sink),
      limits: { client: 10_000, others: 10_000 },
    })
    await furnish(bed.app)
    const created = ['s1', 's2'].map(id => events.created({ id }))
    expect((await bed.ask('billing', 'POST', '/api/v1/events?wait', { body: created })).statusCode).toBe(200)
  })
  afterAll(() => bed.shutDown())

  interface Parameter {
    name: string
    in: string
  }
  /** All that can be read, each with its parameters: by the OpenAPI document, so that none is forgotten. */
  async function readable(): Promise<{ path: string; parameters: Parameter[] }[]> {
    const { paths } = (await bed.ask(undefined, 'GET', '/api/openapi.json')).json()
    return Object.entries(paths as Record<string, { get?: { parameters?: Parameter[] } }>).flatMap(
      ([path, { get }]) => (get === undefined ? [] : [{ path, parameters: get.parameters ?? [] }]),
    )
  }

  it('is never read as SQL, in whichever parameter it stands', async () => {
    const routes = await readable()
    expect(routes.flatMap(({ parameters }) => parameters).length).toBeGreaterThan(60)
    for (const { path, parameters } of routes) {
      for (const { name, in: place } of parameters) {
        for (const text of sql) {
          const value = encodeURIComponent(text)
          const url =
            place === 'path'
              ? path.replace(`{${name}}`, value).replace(/\{\w+\}/g, 'none')
              : `${path.replace(/\{\w+\}/g, 'none')}?${name}=${value}`
          const answer = await bed.ask('admin', 'GET', url)
          expect([url, answer.statusCode]).toEqual([
            url,
            expect.toSatisfy(one => [200, 404, 422].includes(one)),
          ])
          if (answer.statusCode === 200) expect([url, answer.json().items]).toEqual([url, []])
        }
      }
    }
    expect(await bed.app.db.service.count()).toBe(2)
  }, 60_000)

  it('is stored as it is, not as SQL', async () => {
    // Ids hold no spaces, which SQL can do without.
    const names = sql.map(text => text.replaceAll(' ', '/**/'))
    const client = names[0] ?? ''
    const body = names.map(id => events.created({ id, client, domain: 'x.example.net' }))
    expect((await bed.ask('billing', 'POST', '/api/v1/events?wait', { body })).statusCode).toBe(200)
    const stored = await bed.app.db.service.findMany({
      where: { client },
      select: { id: true },
    })
    expect(stored.map(({ id }) => id).sort()).toEqual([...names].sort())
  })

  it('makes no lines of its own in the log', async () => {
    const before = lines.length
    for (const text of breaking) {
      const path = encodeURIComponent(text)
      await bed.ask('operator', 'POST', `/api/v1/operations/${path}/retry`, { body: { reason: text } })
      await bed.ask('admin', 'POST', '/api/v1/connections', {
        body: { name: 'ipm', driver: text, url: `http://127.0.0.1:1/${path}` },
      })
      await bed.ask('billing', 'POST', '/api/v1/events', {
        body: { ...events.deleted(text), source: text, type: text },
      })
      await bed.ask(undefined, 'POST', '/api/v1/session', { body: { token: text } })
    }
    bed.app.log.warn({ service: breaking[0], err: new Error(breaking[1]) }, breaking[2])
    expect(lines.length).toBeGreaterThan(before)
    for (const line of lines) {
      const entry = JSON.parse(line)
      expect([line, entry.msg === 'forged', entry.actor]).toEqual([line, false, undefined])
    }
    // Nor does it reach a terminal as anything but text.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(lines.filter(line => /[\u0000-\u001f]/.test(line))).toEqual([])
  })
})
