import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, furnish, startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'

describe.skipIf(queueMissing)('what watches over ipbridge', () => {
  let bed: TestApi

  beforeAll(async () => {
    bed = await startTestApi()
    await furnish(bed.app)
    await bed.app.desk.pools.add(admin, { name: 'v6', cidr: '2001:db8::/127', connection: 'builtin' })
    await bed.ask('billing', 'POST', '/api/v1/events?wait', {
      body: [
        events.created({ id: 'canary-service', client: 'canary-client', domain: 'canary.example.net' }),
        events.created({ id: 'failing' }, { addresses: [{ family: 'ipv4', requested: '198.18.0.1' }] }),
        events.created({ id: 'parked' }, { addresses: [{ family: 'ipv6', count: 3 }] }),
      ],
    })
    const run = await bed.app.desk.reconciliations.start('builtin', 'test')
    await bed.app.desk.operations.settled([run], 10_000)
  })
  afterAll(() => bed.shutDown())

  const get = (url: string) => bed.ask(undefined, 'GET', url)

  it('sees that the process lives and is ready', async () => {
    expect((await get('/healthz')).json()).toEqual({ status: 'ok' })
    const ready = await get('/readyz')
    expect([ready.statusCode, ready.json()]).toEqual([200, { status: 'ok', missing: [] }])
  })

  it('sees which numbers matter, and no names of clients or services', async () => {
    const answer = await get('/metrics')
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['content-type']).toContain('text/plain')
    const value = (line: string) => {
      const found = answer.body.split('\n').find(candidate => candidate.startsWith(`${line} `))
      return found === undefined ? undefined : Number(found.slice(line.length + 1))
    }
    expect({
      done: value('ipbridge_operations{kind="allocate",state="done"}'),
      failed: value('ipbridge_operations{kind="allocate",state="failed"}'),
      reconciled: value('ipbridge_operations{kind="reconcile",state="done"}'),
      events: value('ipbridge_events{status="accepted"}'),
      used: value('ipbridge_pool_addresses{pool="v4",state="used"}'),
      free: value('ipbridge_pool_addresses{pool="v4",state="free"}'),
      conflicts: value('ipbridge_conflicts_open'),
      failedJobs: value('ipbridge_queue_jobs{queue="allocate",state="failed"}'),
      database: value('ipbridge_up{part="database"}'),
      queue: value('ipbridge_up{part="queue"}'),
    }).toEqual({
      done: 3,
      failed: 1,
      reconciled: 1,
      events: 3,
      used: 1,
      free: 253,
      conflicts: 0,
      failedJobs: 1,
      database: 1,
      queue: 1,
    })
    expect(value('ipbridge_operations{kind="allocate",state="parked"}')).toBe(1)
    expect(value('ipbridge_oldest_due_operation_seconds')).toBe(0)
    expect(value('ipbridge_reconciled_seconds_ago{connection="builtin"}')).toBeLessThan(60)
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(0)
    expect(answer.body).toMatch(
      /ipbridge_http_request_duration_seconds_count\{method="POST",route="\/api\/v1\/events",status="200"\} 1/,
    )
    expect(answer.body).not.toContain('canary')
  })

  it('asks the database only every few seconds', async () => {
    const before = (await get('/metrics')).body
    await bed.app.desk.pools.add(admin, { name: 'fresh', cidr: '10.0.0.0/24', connection: 'builtin' })
    expect((await get('/metrics')).body).not.toContain('fresh')
    expect(before).toContain('pool="v4"')
  })

  it('sees for how long work has been waiting', async () => {
    const [receipt] = await bed.app.intake.accept([events.deleted('nobody')], 'http')
    await bed.app.desk.operations.settled(receipt?.operations ?? [], 10_000)
    expect((await bed.app.desk.health.measures()).oldestDueSeconds).toBe(0)
    const asIf = (announcements: number, seconds: number) =>
      bed.app.db.$executeRaw`
        update operation set state = 'queued', ended_at = null, announcements = ${announcements}::int,
          announce_at = now() + ${seconds}::float8 * interval '1 second'
        where id = ${receipt?.operations[0]}::uuid`
    // The next announcement in 100 seconds, after pauses of 5, 10, 20, 40 and 80: announced first 60 seconds ago.
    await asIf(5, 100)
    const { oldestDueSeconds } = await bed.app.desk.health.measures()
    expect(oldestDueSeconds).toBeGreaterThan(59)
    expect(oldestDueSeconds).toBeLessThan(80)
    // Waiting for its next try: not due.
    await asIf(0, 30)
    expect((await bed.app.desk.health.measures()).oldestDueSeconds).toBe(0)
  })

  it('is not content with a database that lacks migrations', async () => {
    await bed.app.db.$executeRaw`update _prisma_migrations set finished_at = null`
    const ready = await get('/readyz')
    expect([ready.statusCode, ready.json()]).toMatchObject([
      503,
      {
        status: 'unavailable',
        missing: [{ part: 'database', detail: /\d migrations are missing: run `ipbridge migrate`/ }],
      },
    ])
    await bed.app.db.$executeRaw`update _prisma_migrations set finished_at = now()`
    expect((await get('/readyz')).statusCode).toBe(200)
  })
})
