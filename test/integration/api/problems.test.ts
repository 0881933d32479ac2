import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'

describe.skipIf(queueMissing)('a refusal', () => {
  let bed: TestApi
  const json = { 'content-type': 'application/json' }

  beforeAll(async () => {
    bed = await startTestApi({ work: false })
  })
  afterAll(() => bed.shutDown())

  /** Checks the form of a problem. @returns what it says */
  function problemIn(answer: Awaited<ReturnType<TestApi['ask']>>) {
    const problem = answer.json()
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(problem).toMatchObject({
      type: `/docs/errors#${problem.code}`,
      title: expect.stringMatching(/^[A-Z][a-z ]+$/),
      status: answer.statusCode,
      detail: expect.stringMatching(/\S/),
      instance: `urn:uuid:${answer.headers['x-request-id']}`,
    })
    return problem
  }

  it.each([
    ['unknown paths', 'GET', '/api/v1/nothing', {}, 404, 'not_found'],
    ['unknown things', 'GET', '/api/v1/pools/nothing', {}, 404, 'not_found'],
    ['ids that are none', 'GET', '/api/v1/operations/nothing', {}, 404, 'not_found'],
    ['methods that a path does not know', 'PUT', '/api/v1/pools', {}, 405, 'method_not_allowed'],
    [
      'JSON that is cut off',
      'POST',
      '/api/v1/pools',
      { body: '{"name":', headers: json },
      400,
      'malformed_request',
    ],
    [
      'bodies that pollute prototypes',
      'POST',
      '/api/v1/pools',
      { body: '{"__proto__":{}}', headers: json },
      400,
      'malformed_request',
    ],
    ['missing bodies', 'POST', '/api/v1/pools', {}, 422, 'invalid_request'],
    [
      'other content types',
      'POST',
      '/api/v1/pools',
      { body: 'name=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported_media_type',
    ],
    [
      'plain text',
      'POST',
      '/api/v1/events',
      { body: 'x', headers: { 'content-type': 'text/plain' } },
      415,
      'unsupported_media_type',
    ],
    [
      'bodies over a mebibyte',
      'POST',
      '/api/v1/events',
      { body: `"${'x'.repeat(1_048_576)}"`, headers: json },
      413,
      'too_large',
    ],
    ['paths that cannot be decoded', 'GET', '/api/v1/pools/%ff', {}, 400, 'malformed_request'],
    ['names that no database can hold', 'GET', '/api/v1/services/%00', {}, 422, 'invalid_request'],
    [
      'filters that no database can hold',
      'GET',
      '/api/v1/operations?service=%00',
      {},
      422,
      'invalid_request',
    ],
  ] as const)('of %s is a problem', async (_, method, url, more, status, code) => {
    const answer = await bed.ask('admin', method, url, more)
    expect([answer.statusCode, problemIn(answer).code]).toEqual([status, code])
  })

  it('of an unknown method says which there are', async () => {
    const answer = await bed.ask('admin', 'DELETE', '/api/v1/pools')
    expect(answer.headers.allow).toBe('GET, HEAD, POST')
  })

  it('of a bad body points at each field', async () => {
    const body = { name: 'no spaces', cidr: 17, priority: -1, speed: 'fast', exclude: ['10.0.0.1', ''] }
    const answer = await bed.ask('operator', 'POST', '/api/v1/pools', { body })
    expect(answer.statusCode).toBe(422)
    expect(
      problemIn(answer)
        .errors.map((fault: { pointer: string }) => fault.pointer)
        .sort(),
    ).toEqual(['/cidr', '/exclude/1', '/name', '/priority', '/speed'])
  })

  it('of what contradicts the ledger says why', async () => {
    const body = { name: 'v4', cidr: '192.0.2.0/24' }
    expect((await bed.ask('operator', 'POST', '/api/v1/pools', { body })).statusCode).toBe(201)
    const again = await bed.ask('operator', 'POST', '/api/v1/pools', { body: { ...body, name: 'other' } })
    expect([again.statusCode, problemIn(again)]).toMatchObject([
      409,
      {
        code: 'already_exists',
        detail: '192.0.2.0/24 overlaps pool v4 (192.0.2.0/24) of the same address space',
      },
    ])
    const bad = await bed.ask('operator', 'POST', '/api/v1/pools', {
      body: { name: 'x', cidr: '10.0.0.0/40' },
    })
    expect([bad.statusCode, problemIn(bad).errors[0].pointer]).toEqual([422, '/cidr'])
  })

  it('asks strangers for a token', async () => {
    const answer = await bed.ask(undefined, 'GET', '/api/v1/pools')
    expect([answer.statusCode, problemIn(answer).code]).toEqual([401, 'unauthorized'])
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
  })

  it('tells the role what it may not', async () => {
    const answer = await bed.ask('viewer', 'POST', '/api/v1/pools', { body: {} })
    expect([answer.statusCode, problemIn(answer)]).toMatchObject([
      403,
      { code: 'forbidden', detail: 'the role viewer may not do this (pools.write)' },
    ])
  })

  it('takes an empty body for none', async () => {
    const answer = await bed.ask('operator', 'POST', '/api/v1/operations/nothing/retry', {
      body: '',
      headers: json,
    })
    expect([answer.statusCode, problemIn(answer).code]).toEqual([404, 'not_found'])
  })

  it('explains its codes on a page', async () => {
    const page = await bed.ask(undefined, 'GET', '/docs/errors')
    expect(page.statusCode).toBe(200)
    expect(page.body).toContain('<tr id="pool_exhausted">')
  })
})
