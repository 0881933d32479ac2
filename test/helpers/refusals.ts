import { sqlState } from '../../src/db/client.ts'
import type { TestDatabase } from './database.ts'

/** SQLSTATEs of what the database refuses. */
export const refused = {
  unique: '23505',
  exclusion: '23P01',
  check: '23514',
  foreign: '23503',
  integrity: '23000',
  missing: '23502',
}

export type Row = Record<string, string | number | boolean | null>

export const anId = '(gen_random_uuid())'
export const builtin = "((select id from connection where name = 'builtin'))"

/** Says of SQL with which SQLSTATE the database refuses it. */
export function refusals(database: () => TestDatabase) {
  /** Runs SQL. @returns the SQLSTATE with which it was refused, else undefined */
  async function run(sql: string): Promise<string | undefined> {
    return database()
      .db.$executeRawUnsafe(sql)
      .then(
        () => undefined,
        error => sqlState(error) ?? String(error),
      )
  }

  /** Inserts a row; what is in brackets is taken for SQL. */
  function insert(table: string, row: Row): Promise<string | undefined> {
    const values = Object.values(row).map(literal)
    return run(`insert into ${table} (${Object.keys(row).join(', ')}) values (${values.join(', ')})`)
  }

  return { run, insert }
}

function literal(value: Row[string]): string {
  if (typeof value !== 'string') return String(value)
  return value.startsWith('(') ? value : `'${value}'`
}
