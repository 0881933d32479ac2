import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { type Db, openDatabase } from '../../src/db/client.ts'
import { leaksInDatabase } from './canaries.ts'
import { databaseUrl } from './global-setup.ts'

/** A migrated database of a test file's own. */
export interface TestDatabase {
  url: string
  db: Db
  drop(): Promise<void>
}

export async function createTestDatabase(): Promise<TestDatabase> {
  const server = inject('postgresUrl')
  const name = `ipbridge_test_${randomBytes(6).toString('hex')}`
  await query(server, `create database ${name} template ${inject('templateDatabase')}`)
  const url = databaseUrl(server, name)
  const db = openDatabase(url, { connections: 8 })
  return {
    url,
    db,
    async drop() {
      await db.$disconnect()
      const leaks = await leaksInDatabase(url)
      await query(server, `drop database if exists ${name} with (force)`)
      if (leaks.length > 0) throw new Error(`secrets were found where none may be:\n${leaks.join('\n')}`)
    },
  }
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } catch (error) {
    // Two files that copy the template at the same moment: the second one tries again.
    if ((error as { code?: string }).code !== '55006') throw error
    await client.end()
    return query(url, sql)
  } finally {
    await client.end()
  }
}
