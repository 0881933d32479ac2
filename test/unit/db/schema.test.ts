import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate } from '../../../src/db/migrate.ts'
import { packageRoot } from '../../../src/package-root.ts'
import { createEmptyDatabase, type EmptyDatabase } from '../../helpers/empty-database.ts'

interface Column {
  table: string
  name: string
  type: string
  optional: boolean
  /** Whether a row may leave it out. */
  filled: boolean
}

/** How PostgreSQL calls what Prisma says with a type, or more exactly with an attribute. */
const types: Record<string, string> = {
  String: 'text',
  'String[]': '_text',
  Int: 'int4',
  BigInt: 'int8',
  Boolean: 'bool',
  Json: 'jsonb',
  '@db.Uuid': 'uuid',
  '@db.Inet': 'inet',
  '@db.SmallInt': 'int2',
  '@db.Timestamptz(6)': 'timestamptz',
}

const attribute = (line: string, name: string) => line.match(new RegExp(`@${name}\\("?([^")]*)"?\\)`))?.[1]

/** The columns and the unique keys that schema.prisma speaks of, as far as it is one column a line. */
async function readPrismaSchema() {
  const text = await readFile(join(packageRoot, 'prisma', 'schema.prisma'), 'utf8')
  const blocks = [...text.matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)]
  const models = new Set(blocks.map(([, name]) => name))
  const columns: Column[] = []
  const keys: string[] = []
  for (const [, model = '', body = ''] of blocks) {
    const table = attribute(body, '@map') ?? model
    const names = new Map<string, string>()
    for (const line of body.split('\n').map(line => line.trim())) {
      const [, field = '', kind = ''] = line.match(/^(\w+)\s+(\S+)/) ?? []
      if (field === '' || models.has(kind.replace(/[?[\]]/g, ''))) continue
      const name = attribute(line, 'map') ?? field
      names.set(field, name)
      const exact = line.match(/@db\.\w+(\(\d+\))?/)?.[0]
      const type = kind.match(/^Unsupported\("(\w+)"\)/)?.[1] ?? types[exact ?? kind.replace('?', '')] ?? kind
      const filled = /@default|@updatedAt/.test(line)
      columns.push({ table, name, type, optional: kind.endsWith('?'), filled })
      if (/ @(id|unique)\b/.test(line)) keys.push(`${table} (${name})`)
    }
    for (const [, fields = ''] of body.matchAll(/^\s*@@(?:id|unique)\(\[([^\]]*)\]/gm)) {
      keys.push(
        `${table} (${fields
          .split(', ')
          .map(field => names.get(field))
          .join(', ')})`,
      )
    }
  }
  return { columns, keys: keys.sort() }
}

describe('schema.prisma and the migrated database', () => {
  let database: EmptyDatabase
  let prisma: Awaited<ReturnType<typeof readPrismaSchema>>
  beforeAll(async () => {
    database = await createEmptyDatabase()
    await migrate(database.url)
    prisma = await readPrismaSchema()
  })
  afterAll(() => database.drop())

  const inOrder = (columns: Column[]) =>
    columns.map(c => `${c.table}.${c.name} ${c.type}${c.optional ? ' or nothing' : ''}`).sort()

  async function databaseColumns(): Promise<(Column & { hasDefault: boolean })[]> {
    return database.query(`
      select table_name as "table", column_name as name, udt_name as type, is_nullable = 'YES' as optional,
        column_default is not null or is_identity = 'YES' as "hasDefault"
      from information_schema.columns where table_schema = 'public' and table_name <> '_prisma_migrations'`)
  }

  it('have the same columns of the same types, with the same ones optional', async () => {
    expect(prisma.columns.length).toBeGreaterThan(100)
    expect(inOrder(prisma.columns)).toEqual(inOrder(await databaseColumns()))
  })

  it('agree on what is filled in for a row that leaves it out', async () => {
    const defaults = new Set(
      (await databaseColumns())
        .filter(c => c.hasDefault || c.type === '_text')
        .map(c => `${c.table}.${c.name}`),
    )
    const promised = prisma.columns.filter(c => c.filled).map(c => `${c.table}.${c.name}`)
    expect(promised.filter(name => !defaults.has(name))).toEqual([])
  })

  it('agree on what identifies a row', async () => {
    const rows = await database.query<{ key: string }>(`
      select t.relname || ' (' || (
        select string_agg(a.attname, ', ' order by k.n)
        from unnest(i.indkey::int[]) with ordinality as k (attnum, n)
        join pg_attribute a on a.attrelid = t.oid and a.attnum = k.attnum) || ')' as key
      from pg_index i join pg_class t on t.oid = i.indrelid join pg_namespace s on s.oid = t.relnamespace
      where s.nspname = 'public' and i.indisunique and i.indpred is null and t.relname <> '_prisma_migrations'`)
    const keys = new Set(rows.map(({ key }) => key))
    expect(prisma.keys.length).toBeGreaterThan(20)
    expect(prisma.keys.filter(key => !keys.has(key))).toEqual([])
  })
})
