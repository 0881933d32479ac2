import { PrismaPg } from '@prisma/adapter-pg'
import { Prisma, PrismaClient } from './generated/client.ts'
import { openPool } from './pool.ts'

export { Prisma }
export type Db = PrismaClient
/** Anything that can run queries: the client, or a transaction of it. */
export type Queryable = Pick<PrismaClient, '$queryRaw' | '$executeRaw'>
export type Transaction = Prisma.TransactionClient

/**
 * Opens the ledger's database.
 * @param url a PostgreSQL connection string
 * @param options.connections the most connections at once
 * @param options.silenceMs how long it may leave a statement without an answer; default: 30 seconds
 */
export function openDatabase(url: string, options: { connections?: number; silenceMs?: number } = {}): Db {
  const { connections = 16, silenceMs } = options
  const pool = openPool({ connectionString: url, max: connections, application_name: 'ipbridge' }, silenceMs)
  const adapter = new PrismaPg(pool, { disposeExternalPool: true })
  return new PrismaClient({ adapter, transactionOptions: { maxWait: 10_000, timeout: 30_000 } })
}

interface DriverCause {
  originalCode?: string
  originalMessage?: string
  constraint?: { index?: string; fields?: string[] }
}

function causeOf(error: unknown): DriverCause | undefined {
  const meta = (error as { meta?: { driverAdapterError?: { cause?: DriverCause } } } | null)?.meta
  return meta?.driverAdapterError?.cause ?? (error as { cause?: DriverCause } | null)?.cause
}

/** The SQLSTATE behind an error of Prisma, which has codes of its own. */
export function sqlState(error: unknown): string | undefined {
  return causeOf(error)?.originalCode
}

/** Whether the database refused a second row, and (when given) for this constraint. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  const cause = causeOf(error)
  if (cause?.originalCode !== '23505' && cause?.originalCode !== '23P01') return false
  return (
    constraint === undefined || `${cause.constraint?.index} ${cause.originalMessage}`.includes(constraint)
  )
}

/** SQLSTATEs of serialization failures, deadlocks and locks that were not to be had. */
const contention = /^(40001|40P01|55P03)$/

/** SQLSTATEs of lost connections, full servers, restarts, and of what took or waited too long. */
const away = /^(08|25P03|53|57)/

/** Whether other statements got in the way of this one, which may well succeed at once when it is repeated. */
export function isContention(error: unknown): boolean {
  return contention.test(sqlState(error) ?? '')
}

/** Whether the database is away or overloaded, rather than the statement wrong. */
export function isDatabaseDown(error: unknown): boolean {
  const state = sqlState(error)
  if (state !== undefined) return away.test(state) || contention.test(state)
  const text = error instanceof Error ? `${error.name} ${error.message}` : String(error)
  return /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOENT|terminat|Connection|connect|timeout|Can't reach|P1001|P1017|P2024|P2028/.test(
    text,
  )
}
