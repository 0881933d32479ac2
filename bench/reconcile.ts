import { setTimeout as sleep } from 'node:timers/promises'
import { createApp } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'
import { freePort } from '../src/db/embedded/free-port.ts'
import type { Actor } from '../src/desk/actor.ts'
import { createLog } from '../src/log.ts'
import { peakMemoryMb, type Stage, stop } from './stage.ts'

/** The heap that the worker makes do with, in MB: left alone, V8 takes more just because there is more. */
const heap = '--max-old-space-size=128'

const bench: Actor = { name: 'bench', role: 'admin' }

/** How long one comparison took, and the most memory of the worker that made it. */
export interface Comparison {
  addresses: number
  seconds: number
  maxRssMb: number
}

/**
 * Compares a ledger with a simulated IPmanager of the same size, which serves its list in pages over HTTP: simulator,
 * worker and PostgreSQL are processes of their own. Nothing differs, so that the comparison alone is measured.
 */
export async function reconcile(stage: Stage, sizes: number[]): Promise<Comparison[]> {
  const port = await freePort()
  const simulator = stage.spawn(['simulate', 'ipmanager', '--http', '--port', `${port}`])
  const app = await createApp(loadConfig(stage.env), createLog('warn'))
  const figures: Comparison[] = []
  try {
    await untilUp(port)
    await app.desk.connections.add(bench, {
      name: 'ipm',
      driver: 'ipmanager',
      url: `http://127.0.0.1:${port}/ipmgr`,
      login: 'bill',
      password: 'bill-password',
      adminlogin: 'bill_admin',
      adminpassword: 'admin-password',
      options: { pageSize: 1_000 },
    })
    await app.desk.servers.add(bench, { name: 'node-r', panel: 'none', connection: 'ipm' })
    let filled = 0
    for (const addresses of sizes) {
      await fill(app, port, filled, addresses)
      filled = addresses
      figures.push(await compare(stage, app, addresses))
    }
    return figures
  } finally {
    await app.close()
    await stop(simulator)
  }
}

type App = Awaited<ReturnType<typeof createApp>>

async function compare(stage: Stage, app: App, addresses: number): Promise<Comparison> {
  const worker = stage.spawn(['worker', '--only', 'reconcile'], { NODE_OPTIONS: heap })
  try {
    const operation = await app.desk.reconciliations.start('ipm', 'operator:bench')
    for (;;) {
      const [run] = await app.db.reconciliation.findMany({ where: { operationId: operation } })
      if (run?.endedAt) {
        if (run.state !== 'planned' || run.compared !== addresses || run.remark !== null) {
          throw new Error(`${run.state} after ${run.compared} of ${addresses}: ${run.remark}`)
        }
        const seconds = (Number(run.endedAt) - Number(run.createdAt)) / 1_000
        return { addresses, seconds: Number(seconds.toFixed(1)), maxRssMb: await peakMemoryMb(worker.pid) }
      }
      await sleep(200)
    }
  } finally {
    await stop(worker)
  }
}

/** The same addresses, names and markers on both sides, from one number up to another. */
async function fill(app: App, port: number, from: number, to: number): Promise<void> {
  const address = (n: number) => [10, n >> 16, (n >> 8) & 255, n & 255].join('.')
  const range = {
    range: `${address(from)}-${address(to - 1)}`,
    from,
    owner: 'bill',
    iptype: 'public',
    domain: 'r-{n}.example.net.',
    note: 'ipb:00000000-0000-4000-8000-{n:12}',
  }
  const answer = await fetch(`http://127.0.0.1:${port}/simulator/books/fill`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([range]),
  })
  if (!answer.ok) throw new Error(`the simulator refuses: ${await answer.text()}`)
  const step = 100_000
  for (let first = from; first < to; first += step) {
    const last = Math.min(first + step, to) - 1
    await app.db.$executeRaw`
      insert into service (id, kind, client, domain, server_id, state, created_stamp)
      select 'r-' || n, 'vps', 'c1', 'r-' || n || '.example.net', s.id, 'active', '{"t": 0, "s": "bench"}'
      from generate_series(${first}::int, ${last}::int) n, server s where s.name = 'node-r'`
    await app.db.$executeRaw`
      insert into assignment (id, service_id, slot, family, state, address, address_space, connection_id, ptr, entitled, assigned_at)
      select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'r-' || n, 'main', 4, 'active',
        '10.0.0.0'::inet + n, c.address_space, c.id, 'r-' || n || '.example.net', '{"t": 0, "s": "bench"}', now() - interval '1 day'
      from generate_series(${first}::int, ${last}::int) n, connection c where c.name = 'ipm'`
  }
  await app.db.$executeRaw`analyze assignment`
}

async function untilUp(port: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    const isUp = await fetch(`http://127.0.0.1:${port}/simulator`).then(
      () => true,
      () => false,
    )
    if (isUp) return
    if (tries > 300) throw new Error('the simulator does not start')
    await sleep(100)
  }
}
