import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'

describe.skipIf(queueMissing)('Every answer', () => {
  let bed: TestApi
  let answers: { url: string; type: string; headers: Record<string, string | undefined> }[]

  beforeAll(async () => {
    bed = await startTestApi({ work: false })
    const urls = bed.api.knownRoutes
      .filter(({ method }) => method === 'GET')
      .map(({ url }) => url.replace(':queueName', 'allocate').replace(/:\w+/g, 'none').replace('*', 'none'))
    answers = []
    for (const url of [...urls, '/nothing', '/docs/static/swagger-ui.css', '/queues/queue/allocate']) {
      const { headers } = await bed.ask('admin', 'GET', url)
      const plain = Object.entries(headers).map(([name, value]) => [name, value?.toString()])
      answers.push({ url, type: String(headers['content-type'] ?? ''), headers: Object.fromEntries(plain) })
    }
  })
  afterAll(() => bed.shutDown())

  const without = (is: (headers: Record<string, string | undefined>) => boolean) =>
    answers.filter(({ headers }) => !is(headers)).map(({ url }) => url)

  it('is one of many, pages among them', () => {
    expect(answers.length).toBeGreaterThan(50)
    expect(answers.filter(({ type }) => type.startsWith('text/html')).length).toBeGreaterThan(5)
  })

  it('cannot be put into a frame', () => {
    expect(
      without(headers => /frame-ancestors 'none'/.test(headers['content-security-policy'] ?? '')),
    ).toEqual([])
  })

  it('lets scripts come from us alone, if at all, and none stand in the page', () => {
    const isStrict = (policy = '') => {
      const scripts = /script-src ([^;]*)/.exec(policy)?.[1] ?? /default-src ([^;]*)/.exec(policy)?.[1]
      return scripts === "'none'" || scripts === "'self'"
    }
    expect(without(headers => isStrict(headers['content-security-policy']))).toEqual([])
  })

  it('is taken for what it says it is', () => {
    expect(without(headers => headers['x-content-type-options'] === 'nosniff')).toEqual([])
  })

  it('does not say what it is made with', () => {
    expect(
      without(headers => headers['server'] === undefined && headers['x-powered-by'] === undefined),
    ).toEqual([])
  })

  it('of the API stays in no cache', () => {
    const api = answers.filter(({ url }) => url.startsWith('/api/'))
    expect(
      api.filter(({ headers }) => headers['cache-control'] !== 'no-store').map(({ url }) => url),
    ).toEqual([])
  })
})
