import { type Db, Prisma } from '../../src/db/client.ts'

/** Changes whenever they are used, whoever is refused afterwards. */
const restless = new Set(['token', 'session', '_prisma_migrations'])

export type Ledger = Awaited<ReturnType<typeof watchLedger>>

/** Tells whether a ledger has changed: rows that came and went, and which transactions wrote the others. */
export async function watchLedger(db: Db) {
  const tables = await db.$queryRaw<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'public' order by tablename`
  const counts = tables
    .filter(({ name }) => !restless.has(name))
    .map(
      ({ name }) =>
        `select '${name}' as name, count(*)::text || '/' || coalesce(sum(xmin::text::numeric), 0)::text as mark from "${name}"`,
    )
  const all = Prisma.raw(counts.join(' union all '))
  return {
    async mark(): Promise<Record<string, string>> {
      const rows = await db.$queryRaw<{ name: string; mark: string }[]>`${all}`
      return Object.fromEntries(rows.map(({ name, mark }) => [name, mark]))
    },
  }
}
