import pg from 'pg'
import { v7 } from 'uuid'
import type { Stage } from './stage.ts'

/**
 * The bare SQL of one allocation, one transaction each, straight through `pg`: what the worker writes for one
 * operation, without a queue, an ORM, batching or any decision.
 */
export async function sqlLimit(stage: Stage, count: number, concurrency: number) {
  const pool = new pg.Pool({ connectionString: stage.databaseUrl, max: 16 })
  await prepare(pool, count)
  const { rows } = await pool.query<{ operation: string; assignment: string; service: string }>(
    `select o.id as operation, a.id as assignment, s.id as service
     from operation o join assignment a on a.id = o.assignment_id join service s on s.id = o.service_id
     where o.cause = 'operator:bench'`,
  )
  const begun = performance.now()
  const jobs = rows.values()
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (const job of jobs) await allocateOne(pool, job)
    }),
  )
  const seconds = (performance.now() - begun) / 1000
  await pool.end()
  return { perSecond: Math.round(count / seconds), count }
}

async function allocateOne(
  pool: pg.Pool,
  job: { operation: string; assignment: string; service: string },
): Promise<void> {
  const marker = `ipb:${job.assignment}`
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query({
      name: 'claim',
      text: `update operation set state = 'running', epoch = epoch + 1, attempts = attempts + 1, worker = 'bench',
               lease_until = now() + interval '30 seconds', started_at = now(), announce_at = null
             where id = $1 and state = 'queued'`,
      values: [job.operation],
    })
    const taken = await client.query<{ pool_id: string; address: string }>({
      name: 'take',
      text: `select t.pool_id, t.address from builtin_take('00000000-0000-7000-8000-000000000001', 4, array['sql-limit'], 1) t`,
    })
    const address = taken.rows[0]
    await client.query({
      name: 'hold',
      text: `insert into pool_address (pool_id, address, state, marker, owner, ptr) values ($1, $2, 'held', $3, $4, $5)`,
      values: [
        address?.pool_id,
        address?.address,
        marker,
        `${job.service} main`,
        `${job.service}.example.net`,
      ],
    })
    await client.query({
      name: 'record',
      text: `update assignment set state = 'active', address = $2, address_space = 'default',
               connection_id = '00000000-0000-7000-8000-000000000001', ptr = $3, assigned_at = now()
             where id = $1`,
      values: [job.assignment, address?.address, `${job.service}.example.net`],
    })
    await client.query({
      name: 'tell',
      text: `insert into outbox (type, service_id, operation_id, data) values ('address.assigned', $1, $2, $3)`,
      values: [
        job.service,
        job.operation,
        JSON.stringify({ service: job.service, address: address?.address }),
      ],
    })
    await client.query({
      name: 'log',
      text: `insert into operation_step (operation_id, attempt, name, outcome, ms, at)
             select $1, 1, s, 'done', 1, now() from unnest(array['find', 'request', 'check', 'ptr', 'record']) s`,
      values: [job.operation],
    })
    await client.query({
      name: 'end',
      text: `update operation set state = 'done', lease_until = null, worker = null, ended_at = now() where id = $1`,
      values: [job.operation],
    })
    await client.query('commit')
  } finally {
    client.release()
  }
}

/** The rows that the intake would have left behind. */
async function prepare(pool: pg.Pool, count: number): Promise<void> {
  const poolId = v7()
  await pool.query(
    `insert into pool (id, connection_id, address_space, name, cidr)
     values ($1, '00000000-0000-7000-8000-000000000001', 'default', 'sql-limit', '100.64.0.0/10')`,
    [poolId],
  )
  // Sixteen ranges, as a fresh pool has.
  await pool.query(
    `insert into pool_free (pool_id, first, last, since)
     select $1, inet '100.64.0.1' + n * 262144::bigint, inet '100.64.0.1' + (n + 1) * 262144::bigint - 2, 'epoch'
     from generate_series(0, 15) n`,
    [poolId],
  )
  const server = await pool.query<{ id: string }>(`select id from server limit 1`)
  for (let first = 0; first < count; first += 1_000) {
    const rows = Array.from({ length: Math.min(1_000, count - first) }, (_, n) => ({
      service: `sql-${first + n}`,
      assignment: v7(),
      operation: v7(),
    }))
    await pool.query(
      `with i as (select * from jsonb_to_recordset($1) as i (service text, assignment uuid, operation uuid)),
       s as (insert into service (id, state, kind, client, domain, server_id, created_stamp)
             select service, 'active', 'vps', 'c', service || '.example.net', $2, '{}' from i),
       a as (insert into assignment (id, service_id, slot, family, state, entitled)
             select assignment, service, 'main', 4, 'pending', '{}' from i)
       insert into operation (id, kind, state, service_id, assignment_id, cause)
       select operation, 'allocate', 'queued', service, assignment, 'operator:bench' from i`,
      [JSON.stringify(rows), server.rows[0]?.id],
    )
  }
}
