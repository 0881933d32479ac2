import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import pg from 'pg'

export type Watch = ReturnType<typeof watchProcess>

/** Told of everything that may have changed something, once it has; whoever did it waits until this returns. */
export type OnEffect = (what: string, where: 'ledger' | 'outside') => Promise<void>

type Query = (this: pg.Client, ...args: unknown[]) => unknown
type Done = (error: unknown, result?: unknown) => void

/**
 * Watches everything that leaves this process: each statement to the ledger that is not within a transaction, each
 * commit, and each HTTP request, at the moment at which it has had its effect and nobody has heard of that yet. So
 * what the product sends one day besides what it sends now is watched by itself.
 *
 * What looks like a mere reading statement is run in a read-only transaction while `proves` is set: PostgreSQL itself
 * says whether it writes.
 */
export function watchProcess(onEffect: OnEffect) {
  const state = { isOn: false, proves: false }
  const inTransaction = new WeakSet<pg.Client>()
  const overlooked: string[] = []
  const asked = new Set<string>()
  const answered = new Set<string>()
  let line: Promise<void> = Promise.resolve()

  /** One after the other, also where the product does several things at once. */
  function tell(what: string, where: 'ledger' | 'outside'): Promise<void> {
    line = line.then(() => (state.isOn ? onEffect(what, where) : undefined))
    return line
  }

  const query = pg.Client.prototype.query as Query
  function watched(this: pg.Client, ...args: unknown[]): unknown {
    if (!state.isOn || applicationOf(this) !== 'ipbridge') return query.apply(this, args)
    const text = textOf(args[0])
    const wasInside = inTransaction.has(this)
    if (/^\s*begin\b/i.test(text)) inTransaction.add(this)
    if (/^\s*(commit|rollback)\b(?!\s+to\b)/i.test(text)) inTransaction.delete(this)
    const what = wasInside ? (/^\s*commit\b/i.test(text) ? 'commit' : undefined) : changeOf(text)
    if (what !== undefined) return around(this, args, run => followed(run, what))
    return state.proves && !wasInside && !inTransaction.has(this)
      ? around(this, args, run => proved(this, run, text))
      : query.apply(this, args)
  }

  /** Runs a statement, whichever way it was called, with something around it. */
  function around(
    client: pg.Client,
    args: unknown[],
    wrap: (run: () => Promise<unknown>) => Promise<unknown>,
  ) {
    const done = args.at(-1)
    if (typeof done !== 'function') return wrap(() => query.apply(client, args) as Promise<unknown>)
    const run = () =>
      new Promise((resolve, reject) => {
        const ended: Done = (error, result) => (error ? reject(error) : resolve(result))
        query.apply(client, [...args.slice(0, -1), ended])
      })
    return void wrap(run).then(result => done(undefined, result), done as Done)
  }

  async function followed(run: () => Promise<unknown>, what: string): Promise<unknown> {
    const result = await run()
    await tell(what, 'ledger')
    return result
  }

  async function proved(client: pg.Client, run: () => Promise<unknown>, text: string): Promise<unknown> {
    const set = (value: string) => query.call(client, `set default_transaction_read_only = ${value}`)
    await set('on')
    try {
      return await run()
    } catch (error) {
      if ((error as { code?: string }).code === '25006') overlooked.push(text)
      throw error
    } finally {
      await set('off')
    }
  }

  const onAsked = (message: unknown) => {
    const { request } = message as { request: ClientRequest }
    if (state.isOn) asked.add(String(request.getHeader('host')))
  }

  const onAnswer = (message: unknown) => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse }
    if (!state.isOn) return
    answered.add(String(request.headers.host))
    const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse
    const name = `${request.method} ${request.url?.split('?')[0]}`
    response.end = ((...args: unknown[]) => {
      tell(name, 'outside').then(
        () => end(...args),
        () => response.destroy(),
      )
      return response
    }) as typeof response.end
  }

  pg.Client.prototype.query = watched as typeof pg.Client.prototype.query
  subscribe('http.client.request.start', onAsked)
  subscribe('http.server.request.start', onAnswer)

  return {
    tell,

    /** Watches while work is done. @param proves whether reading statements must prove that they only read */
    async during(work: () => Promise<void>, proves = false): Promise<void> {
      Object.assign(state, { isOn: true, proves })
      overlooked.length = 0
      asked.clear()
      answered.clear()
      try {
        await work()
        await line
      } finally {
        state.isOn = false
      }
    },

    /** What had, or may have had, an effect that nobody watched. */
    missed: (): string[] => [
      ...overlooked.map(text => `a statement that writes: ${text}`),
      ...[...asked].filter(host => !answered.has(host)).map(host => `a request to ${host}`),
    ],

    stop(): void {
      pg.Client.prototype.query = query as typeof pg.Client.prototype.query
      unsubscribe('http.client.request.start', onAsked)
      unsubscribe('http.server.request.start', onAnswer)
    },
  }
}

function applicationOf(client: pg.Client): unknown {
  const { connectionParameters } = client as unknown as {
    connectionParameters?: { application_name?: string }
  }
  return connectionParameters?.application_name
}

function textOf(query: unknown): string {
  return typeof query === 'string' ? query : String((query as { text?: string } | undefined)?.text ?? '')
}

/** What a statement changes, in a few words; undefined where it seems to read only. */
export function changeOf(sql: string): string | undefined {
  const changes = sql.matchAll(
    /\b(insert into|update|delete from)\s+(?!of\b|skip\b|set\b)("?\w+"?(?:\."?\w+"?)?)|\b(builtin_\w+)\(/gi,
  )
  const names = [...changes].map(([, verb, table, builtin]) => builtin ?? `${verb} ${table}`)
  return names.length === 0 ? undefined : [...new Set(names)].join(', ').replaceAll('"', '')
}
