import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { furnish, startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'

describe.skipIf(queueMissing)('rate limits', () => {
  let bed: TestApi

  beforeAll(async () => {
    bed = await startTestApi({ work: false, limits: { client: 5, others: 8 } })
    await furnish(bed.app)
  })
  afterAll(() => bed.shutDown())

  /** The statuses of so many requests, one after the other. */
  async function statuses(count: number, ask: () => ReturnType<TestApi['ask']>): Promise<number[]> {
    const seen: number[] = []
    while (seen.length < count) seen.push((await ask()).statusCode)
    return seen
  }
  const times = (count: number, status: number): number[] => Array(count).fill(status)

  it('hold for each token by itself', async () => {
    const get = (token: string) => () => bed.ask({ token }, 'GET', '/api/v1/services')
    const other = await bed.makeToken('client', 'client-1')
    expect(await statuses(6, get(bed.tokens.client))).toEqual([...times(5, 200), 429])
    expect(await statuses(6, get(other))).toEqual([...times(5, 200), 429])
  })

  it('are wider for staff', async () => {
    expect(await statuses(9, () => bed.ask('viewer', 'GET', '/api/v1/pools'))).toEqual([
      ...times(8, 200),
      429,
    ])
  })

  it('tell in a problem when to come back', async () => {
    await statuses(9, () => bed.ask('operator', 'GET', '/api/v1/pools'))
    const answer = await bed.ask('operator', 'GET', '/api/v1/pools')
    expect(answer.json()).toMatchObject({
      status: 429,
      code: 'rate_limited',
      type: '/docs/errors#rate_limited',
    })
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60)
  })

  it('do not hold up intake', async () => {
    const send = () => bed.ask('billing', 'POST', '/api/v1/events', { body: events.deleted('nobody') })
    expect(await statuses(20, send)).toEqual(times(20, 202))
  })

  it('slow down who guesses tokens, but nobody else who comes from there', async () => {
    const remote = '10.2.0.1'
    const guess = () => bed.ask({ token: `ipb_${'g'.repeat(43)}` }, 'GET', '/api/v1/pools', { remote })
    expect(await statuses(22, guess)).toEqual([...times(20, 401), 429, 429])
    const answer = await guess()
    expect(answer.json().code).toBe('rate_limited')
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    expect((await bed.ask('admin', 'GET', '/api/v1/pools', { remote })).statusCode).toBe(200)
    expect(
      (await bed.ask({ token: 'ipb_other' }, 'GET', '/api/v1/pools', { remote: '10.2.0.2' })).statusCode,
    ).toBe(401)
  })

  it('stop who tries to sign in too often, even with the right token', async () => {
    const remote = '10.3.0.1'
    const signIn = (token: string, from = remote) =>
      bed.ask(undefined, 'POST', '/api/v1/session', { body: { token }, remote: from })
    expect((await signIn(bed.tokens.admin)).statusCode).toBe(200)
    expect(await statuses(21, () => signIn('wrong'))).toEqual([...times(20, 401), 429])
    const late = await signIn(bed.tokens.admin)
    expect([late.statusCode, late.headers['set-cookie']]).toEqual([429, undefined])
    expect((await signIn(bed.tokens.admin, '10.3.0.2')).statusCode).toBe(200)
  })
})
