import pg from 'pg'

/** What stands in the ledger at one moment: the rows of each table, as JSON. */
export type LedgerMemory = Readonly<Record<string, string>>

export type Ledger = Awaited<ReturnType<typeof openLedger>>

/**
 * Remembers what stands in a database, and puts it back: all of its tables, so that a new one needs nothing here. A
 * death leaves exactly what is committed, so putting that back is as good as dying.
 */
export async function openLedger(url: string) {
  const client = new pg.Client({ connectionString: url, application_name: 'crash sweep' })
  await client.connect()
  const { rows: tables } = await client.query<{ name: string; key: string }>(`
    select c.relname as name, string_agg(quote_ident(a.attname), ', ' order by array_position(i.indkey::int2[], a.attnum)) as key
    from pg_class c
    join pg_index i on i.indrelid = c.oid and i.indisprimary
    join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey::int2[])
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> '_prisma_migrations'
    group by c.relname order by c.relname`)
  const names = tables.map(({ name }) => name)
  const reading = `select ${tables
    .map(
      ({ name, key }) =>
        `(select json_agg(t order by ${key})::text from ${quoted(name)} t) as ${quoted(name)}`,
    )
    .join(', ')}`
  // Whole tables are put back, in any order: foreign keys and triggers have nothing to say.
  await client.query('set session_replication_role = replica')
  await client.query(`
    create function pg_temp.put_back(moment json) returns void language plpgsql as $$
    declare t text;
    begin
      for t in select json_object_keys(moment) loop
        execute format('delete from %I', t);
        if json_typeof(moment -> t) = 'array' then
          execute format('insert into %1$I overriding system value select * from json_populate_recordset(null::%1$I, $1)', t) using moment -> t;
        end if;
      end loop;
    end $$`)

  async function remember(): Promise<LedgerMemory> {
    const { rows } = await client.query<Record<string, string | null>>({ name: 'remember', text: reading })
    return Object.fromEntries(names.map(name => [name, rows[0]?.[name] ?? 'null']))
  }

  return {
    remember,

    /** Puts a moment back. */
    async recall(moment: LedgerMemory): Promise<void> {
      const now = await remember()
      const other = names.filter(name => moment[name] !== now[name])
      const json = `{${other.map(name => `${JSON.stringify(name)}:${moment[name]}`).join(',')}}`
      await client.query({ name: 'recall', text: 'select pg_temp.put_back($1)', values: [json] })
    },

    query: (sql: string) => client.query(sql),
    close: () => client.end(),
  }
}

const quoted = (name: string) => `"${name}"`
