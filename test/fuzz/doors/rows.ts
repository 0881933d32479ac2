import fc from 'fast-check'
import { expect } from 'vitest'
import { Prisma, sqlState } from '../../../src/db/client.ts'
import { memoryIpam } from '../../../src/ipam/memory.ts'
import { memoryPanel } from '../../../src/panels/memory.ts'
import { admin, startTestApi } from '../../helpers/api.ts'
import { events } from '../../helpers/events.ts'
import { canary, type Door, expectNoSecret } from '../door.ts'
import { nastyText, nastyValue } from '../make/nasty.ts'

interface Column {
  table: string
  column: string
  type: string
}

interface Input {
  /** Which of the columns, counted around. */
  column: number
  text: string
  value: unknown
}

/** What another version, or somebody by hand, could have left in the ledger. Keys stay: the database keeps them whole. */
const untouched = /(^|_)(id|hash|uid|tx|seq)$/
/** Where each table is seen. */
const shown: Record<string, readonly string[]> = {
  connection: ['connections', 'connections/ipam', 'servers'],
  server: ['servers', 'servers/node1', 'services'],
  service: ['services', 'services/s1', 'addresses'],
  assignment: ['addresses', 'services/s1', 'operations'],
  operation: ['operations', 'services/s1', 'events'],
  event: ['events', 'operations'],
  outbox: ['outbox', 'webhooks/hook/deliveries'],
  subscriber: ['webhooks', 'webhooks/hook'],
  delivery: ['webhooks/hook/deliveries'],
  reconciliation: ['reconciliations', 'connections'],
  finding: ['reconciliations'],
  audit_entry: ['audit'],
  aspect: ['services/s1'],
}

/** What operations rest on. */
const worked = new Set(['connection', 'server', 'service', 'assignment', 'operation', 'aspect'])

export async function openRows() {
  const books = memoryIpam({ pools: { p: '10.9.0.0/20' } })
  const panel = memoryPanel()
  const bed = await startTestApi({
    work: false,
    limits: { client: 1e9, others: 1e9 },
    ipamDrivers: { memory: () => books },
    panelDrivers: { memory: () => panel },
  })
  const { app } = bed
  const { db, desk } = app
  await desk.connections.add(admin, {
    name: 'ipam',
    driver: 'memory',
    password: `${canary}-1`,
    options: { reconcile: {} },
  })
  await desk.servers.add(admin, {
    name: 'node1',
    panel: 'memory',
    connection: 'ipam',
    password: `${canary}-2`,
  })
  await desk.webhooks.add(admin, { name: 'hook', url: 'http://127.0.0.1:1/', allowPrivate: true })
  for (const id of ['s1', 's2'])
    await work(events.created({ id }, { addresses: [{ family: 'ipv4', count: 2 }] }))
  const comparison = await desk.reconciliations.start('ipam', 'operator:test')
  await app.runner.run(comparison)

  const columns = await db.$queryRaw<Column[]>`
    select table_name as table, column_name as column, data_type as type from information_schema.columns
    where table_schema = 'public' and data_type in ('text', 'jsonb') order by table_name, column_name`
  const open = columns.filter(({ table, column }) => table in shown && !untouched.test(column))
  let count = 0

  /** Takes an event in, and runs what comes of it. */
  async function work(event: object): Promise<string[]> {
    const receipts = await app.intake.accept([event], 'http')
    const operations = receipts.flatMap(receipt => receipt.operations)
    for (const id of operations) await app.runner.run(id)
    return operations
  }

  async function enter({ column: index, text, value }: Input): Promise<void> {
    const { table, column, type } = open[index % open.length] as Column
    const [name, rows] = [Prisma.raw(`"${column}"`), Prisma.raw(`"${table}"`)]
    const spoilt = type === 'jsonb' ? JSON.stringify(value) : text
    const before = await db.$queryRaw<{ id: string; was: string | null }[]>`
      select ctid::text as id, ${name}::text as was from ${rows} order by ctid limit 1`
    const [row] = before
    if (row === undefined) return
    const changed = await write(rows, name, type, row.id, spoilt)
    if (changed === undefined) return
    try {
      await look(table)
      if (!worked.has(table)) return
      count += 1
      await tryWork(events.created({ id: `r${count}` }))
      await tryWork(events.ordered('s1', `o${count}`))
      await tryWork(events.cancelled('s1', { order: `o${count}` }))
    } finally {
      await write(rows, name, type, changed, row.was)
    }
  }

  /** @returns where the row is now; undefined where the database does not let it be so */
  async function write(rows: Prisma.Sql, name: Prisma.Sql, type: string, ctid: string, value: string | null) {
    try {
      const [row] = await db.$queryRaw<{ id: string }[]>`
        update ${rows} set ${name} = ${value}::${Prisma.raw(type)} where ctid = ${ctid}::tid returning ctid::text as id`
      return row?.id
    } catch (error) {
      if (/^2[23]/.test(sqlState(error) ?? '')) return undefined
      throw error
    }
  }

  async function look(table: string): Promise<void> {
    for (const list of shown[table] ?? []) {
      const answer = await bed.ask('admin', 'GET', `/api/v1/${list}`)
      const told = `${list}: ${answer.statusCode} ${answer.body.slice(0, 300)}`
      expect([answer.statusCode < 500, told]).toEqual([true, told])
      expectNoSecret(answer.body)
    }
  }

  async function tryWork(event: object): Promise<void> {
    for (const id of await work(event).catch(error => refused(error))) {
      const { error, state } = await desk.operations.show(id)
      expect([error?.code === 'internal', `${state} ${error?.message}`]).toEqual([
        false,
        `${state} ${error?.message}`,
      ])
      expectNoSecret(error?.message ?? '')
    }
  }

  const inputs = fc.record({ column: fc.nat(open.length - 1), text: nastyText, value: nastyValue })
  const door: Door<Input> = { name: 'Stored rows', inputs, enter, share: 0.3 }
  return { door, work, bed }
}

function refused(error: unknown): string[] {
  expect((error as { code?: string }).code, String(error)).toMatch(/^[a-z_]+$/)
  return []
}
