import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, furnish } from '../helpers/api.ts'
import { backend, joinTestApp, queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'
import { events } from '../helpers/events.ts'
import { until } from '../helpers/until.ts'

/** So many services wait for their addresses, and as many have them. IPBRIDGE_TEST_DEPTH=500000 is an hour's overload. */
const depth = Number(process.env['IPBRIDGE_TEST_DEPTH'] ?? 20_000)

/** So many are made by one statement, which may not take for ever. */
const portion = 20_000

/** How many rows statements may read that look for a few, all together: a small part of what there is. */
const most = depth / 4

describe.skipIf(queueMissing || backend !== 'redis')(
  `While ${depth} operations wait`,
  { timeout: 60_000 + depth },
  () => {
    let app: TestApp

    beforeAll(async () => {
      app = await startTestApp({ work: false })
      await furnish(app, '10.0.0.0/8')
      for (const state of ['queued', 'done']) {
        for (let first = 1; first <= depth; first += portion) await fill(state, first)
      }
    }, 900_000)
    // To drop so large a database takes its time.
    afterAll(() => app.shutDown(), 300_000)

    /** Services with one event, one address and one operation each. The planner's statistics are left as they are. */
    async function fill(state: string, first: number): Promise<void> {
      const isDone = state === 'done'
      await app.db.$executeRaw`
      with n as materialized (
        select n, ${state} || '-' || n as service, gen_random_uuid() as event, gen_random_uuid() as assignment
        from generate_series(${first}::int, least(${first + portion - 1}::int, ${depth}::int)) n),
      events as (
        insert into event (id, source, event_id, type, status, time, data, body_hash, via)
        select event, '/deep', service, 'service.created', 'accepted', now(), '{}', 'hash', 'http' from n),
      services as (
        insert into service (id, kind, client, domain, server_id, state, created_stamp, updated_at)
        select service, 'vps', 'c1', service || '.example.net', s.id, 'active', '{"t": 0, "s": "deep"}', now()
        from n, server s where s.name = 'node1'),
      assignments as (
        insert into assignment (id, service_id, slot, family, state, entitled, address, address_space, connection_id)
        select assignment, service, 'main', 4, case when ${isDone}::boolean then 'active' else 'pending' end,
          '{"t": 0, "s": "deep"}', case when ${isDone}::boolean then '172.16.0.0'::inet + n end,
          case when ${isDone}::boolean then c.address_space end, case when ${isDone}::boolean then c.id end
        from n, connection c where c.name = 'builtin')
      insert into operation (id, kind, state, service_id, assignment_id, event_id, cause, announce_at, ended_at)
      select gen_random_uuid(), 'allocate', ${state}, service, assignment, event, 'event:/deep/' || service,
        case when ${isDone}::boolean then null else now() end, case when ${isDone}::boolean then now() end
      from n`
    }

    /** Rows that were read by going through whole tables, by table. */
    async function readInFull(): Promise<Map<string, number>> {
      const rows = await app.db.$queryRaw<{ name: string; rows: bigint }[]>`
      select relname as name, seq_tup_read as rows from pg_stat_user_tables where schemaname = 'public'`
      return new Map(rows.map(row => [row.name, Number(row.rows)]))
    }

    async function connections(): Promise<bigint> {
      const [row] = await app.db.$queryRaw<{ count: bigint }[]>`
        select count(*) from pg_stat_activity where datname = current_database()`
      return row?.count ?? 0n
    }

    /** What another process reads in full while it does something; it counts when its connections have ended. */
    async function readBy(work: (other: Awaited<ReturnType<typeof joinTestApp>>) => Promise<unknown>) {
      const before = await readInFull()
      const connected = await connections()
      const other = await joinTestApp(app, { work: false })
      try {
        await work(other)
      } finally {
        await other.shutDown()
      }
      await until('its connections have ended', async () => (await connections()) <= connected)
      const after = await readInFull()
      return [...after]
        .map(([table, rows]) => [table, rows - (before.get(table) ?? 0)] as const)
        .filter(([, rows]) => rows > most)
    }

    const open = async (count: number) =>
      (
        await app.db.operation.findMany({ where: { state: 'queued' }, take: count, select: { id: true } })
      ).map(({ id }) => id)

    it.each<[string, (other: Awaited<ReturnType<typeof joinTestApp>>) => Promise<unknown>]>([
      [
        'taking in an event of a new service',
        other => other.intake.accept([events.created({ id: 'new' })], 'http'),
      ],
      [
        'taking in an event of a service that is there',
        other => other.intake.accept([events.deleted('done-7')], 'http'),
      ],
      [
        'taking in a PTR for an address',
        other => other.intake.accept([events.ptrChanged('172.16.0.9', 'x.example.net')], 'http'),
      ],
      ['announcing what is due', other => other.operations.due(1_000)],
      ['taking back what dead workers held', other => other.operations.recover()],
      ['counting what waits, up to a bound', other => other.operations.waiting(100)],
      [
        'working on operations',
        async other => {
          for (const id of await open(20)) await other.runner.run(id)
        },
      ],
      [
        'working on operations that stand in line',
        async other => {
          await other.intake.accept([events.ordered('queued-9', 'o', { count: 2 })], 'http')
          const { operations } = await other.desk.services.show(admin, 'queued-9')
          for (const { id } of operations.reverse()) await other.runner.run(id)
        },
      ],
      ['telling subscribers', other => other.deliverer.round()],
      ['showing an operation', async other => other.desk.operations.show((await open(1))[0] ?? '')],
      ['listing operations', other => other.desk.operations.list({ state: 'queued', limit: 50 })],
      ['showing a service', other => other.desk.services.show(admin, 'queued-7')],
    ])('%s goes through no table', async (_, work) => {
      expect(await readBy(work)).toEqual([])
    })

    it('all that waits is announced again when the queue was lost, in portions', async () => {
      for (let more = 1; more > 0; ) {
        more = await app.db.$executeRaw`
          update operation set announce_at = now() + interval '1 hour' where id in (
            select id from operation where state = 'queued' and announce_at < now() + interval '1 minute'
            limit ${portion}::int)`
      }
      const waiting = await app.db.operation.count({ where: { state: 'queued' } })
      expect(await app.operations.announceAgain()).toBe(waiting)
      expect(await app.operations.announceAgain()).toBe(0)
    })

    it('a statement that goes through a table is noticed', async () => {
      expect(await readBy(other => other.db.operation.count({ where: { cause: 'nothing' } }))).toEqual([
        ['operation', expect.any(Number)],
      ])
    })
  },
)
