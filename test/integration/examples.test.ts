import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'
import { admin, furnish } from '../helpers/api.ts'
import { backend, queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'
import { until } from '../helpers/until.ts'

const run = promisify(execFile)

describe.skipIf(queueMissing)('The examples', () => {
  let app: TestApp
  let api: Awaited<ReturnType<TestApp['serve']>>
  beforeAll(async () => {
    app = await startTestApp({ env: { PORT: '0' } })
    api = await app.serve()
    await furnish(app)
  })
  afterAll(async () => {
    await api.close()
    await app.shutDown()
  })

  const example = (name: string, env: Record<string, string>) =>
    run(process.execPath, [join(packageRoot, 'dist', 'examples', `${name}.js`)], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
    })
  const active = (service: string) =>
    app.db.assignment.findMany({ where: { serviceId: service, state: 'active' } })

  it('client.ts sends an event and prints the address', async () => {
    const { token } = await app.desk.tokens.add(admin, { name: 'billing', role: 'billing' })
    const { stdout } = await example('client', { IPBRIDGE_URL: api.url, IPBRIDGE_TOKEN: token })
    const [event] = JSON.parse(stdout)
    expect(event).toMatchObject({ status: 'accepted', state: 'done' })
    const [assignment] = await active('10542')
    expect(event.addresses).toMatchObject([{ address: assignment?.address, ptr: 'web1.example.net' }])
  })

  const onRedis = backend === 'redis'
  it(`${onRedis ? 'producer.ts' : 'producer-postgres.ts'} puts an event on the queue, and nothing of ipbridge is needed for it`, async () => {
    const redis = new URL(app.env['REDIS_URL'] ?? 'redis://127.0.0.1')
    const PREFIX = redis.searchParams.get('prefix') ?? ''
    redis.search = ''
    const { stdout } = onRedis
      ? await example('producer', { REDIS_URL: redis.href, PREFIX, EVENT_ID: 'by-example' })
      : await example('producer-postgres', { DATABASE_URL: app.database.url, EVENT_ID: 'by-example' })
    expect(stdout).toMatch(/^job \S+ is on its way\n$/)
    const stored = await until('it is taken in', () =>
      app.db.event.findFirst({ where: { eventId: 'by-example' } }),
    )
    const service = (stored.data as { service: { id: string } }).service.id
    await until('the service has its address', async () => (await active(service)).length === 1)
  })
})
