import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Prisma, sqlState } from '../../../src/db/client.ts'
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts'

describe('The ledger holds no settings that nobody could read', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase()
    const { db } = database
    const { id: connectionId } = await db.connection.findUniqueOrThrow({ where: { name: 'builtin' } })
    await db.server.create({ data: { id: crypto.randomUUID(), name: 'node1', connectionId } })
    const common = { id: crypto.randomUUID(), name: 'hook', url: 'http://127.0.0.1/', secret: 'x' }
    await db.subscriber.create({ data: { ...common, kind: 'webhook', types: [] } })
    const operation = { id: crypto.randomUUID(), kind: 'reconcile', state: 'queued', cause: 'operator:x' }
    await db.operation.create({ data: { ...operation, connectionId } })
    await db.$executeRaw`
      insert into reconciliation (id, connection_id, operation_id, state, epoch)
      values (gen_random_uuid(), ${connectionId}::uuid, ${operation.id}::uuid, 'running', 1)`
  })
  afterAll(() => database.drop())

  const put = (table: string, column: string, value: unknown) =>
    database.db.$executeRaw`
      update ${Prisma.raw(table)} set ${Prisma.raw(column)} = ${JSON.stringify(value)}::jsonb`.then(
      count => (count > 0 ? 'stored' : 'no row'),
      error => sqlState(error),
    )

  it.each([
    ['connection', 'tls'],
    ['connection', 'options'],
    ['server', 'tls'],
    ['server', 'options'],
    ['subscriber', 'tls'],
    ['subscriber', 'options'],
    ['reconciliation', 'counts'],
    ['reconciliation', 'changes'],
    ['reconciliation', 'policies'],
  ])('in %s.%s, which is an object', async (table, column) => {
    for (const value of [null, false, 5, 'x', []]) expect(await put(table, column, value)).toBe('23514')
    expect(await put(table, column, {})).toBe('stored')
  })

  it.each([
    ['connection', 'problem', { code: 'x' }, { code: 'x', message: 'y', since: 'z' }],
    ['reconciliation', 'counts', { ptr: 1.5 }, { ptr: 1 }],
    ['reconciliation', 'changes', { new: 'x' }, { new: 2 }],
    ['reconciliation', 'policies', { ptr: 1 }, { ptr: 'report' }],
  ])('in %s.%s, which has members of one kind', async (table, column, bad, good) => {
    expect(await put(table, column, bad)).toBe('23514')
    expect(await put(table, column, good)).toBe('stored')
  })
})
