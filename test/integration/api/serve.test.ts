import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { admin, furnish } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('ipbridge, serving', () => {
  let app: TestApp
  let serving: Awaited<ReturnType<TestApp['serve']>>
  let authorization: string

  beforeEach(async () => {
    app = await startTestApp({ work: false, env: { PORT: '0' } })
    await furnish(app)
    serving = await app.serve()
    const { token } = await app.desk.tokens.add(admin, { name: 'billing', role: 'billing' })
    authorization = `Bearer ${token}`
  })
  afterEach(() => app.shutDown())

  const send = (body: object, query = '') =>
    fetch(`${serving.url}/api/v1/events${query}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify(body),
    })

  it('listens where it says', async () => {
    expect(serving.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const answer = await send(events.created({ id: 's1' }))
    expect(answer.status).toBe(202)
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    await serving.close()
    await expect(send(events.created({ id: 's2' }))).rejects.toThrow('fetch failed')
  })

  it('answers who waits with what is known when it closes', async () => {
    const answer = send(events.created({ id: 's1' }), '?wait=60')
    await until('the event is stored', async () => (await app.desk.journals.events({})).items.length === 1)
    const begun = performance.now()
    await serving.close()
    const answered = await answer
    expect(answered.status).toBe(202)
    expect(await answered.json()).toMatchObject({
      events: [{ status: 'accepted', state: 'queued', addresses: [] }],
    })
    expect(performance.now() - begun).toBeLessThan(5_000)
  })
})
