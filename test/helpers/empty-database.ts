import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { databaseUrl } from './global-setup.ts'

export interface EmptyDatabase {
  url: string
  /** Runs SQL on a connection of its own. @returns the rows */
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>
  drop(): Promise<void>
}

/** A database in which nothing is yet. */
export async function createEmptyDatabase(): Promise<EmptyDatabase> {
  const server = inject('postgresUrl')
  const name = `ipbridge_empty_${randomBytes(6).toString('hex')}`
  const url = databaseUrl(server, name)
  await run(server, `create database ${name}`)
  return {
    url,
    query: async (sql, values) => run(url, sql, values),
    async drop() {
      await run(server, `drop database if exists ${name} with (force)`)
    },
  }
}

async function run<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values?: unknown[],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(sql, values)).rows
  } finally {
    await client.end()
  }
}
