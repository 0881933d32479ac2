import type { Duplex } from 'node:stream'
import pg from 'pg'
import { atMost } from '../at-most.ts'

/** How long PostgreSQL may leave a statement without an answer, in milliseconds, unless somebody says otherwise. */
export const usualSilenceMs = 30_000

/** How long the end of connections may take. */
const closeMs = 2_000

/** A client, down to its socket. */
interface Client extends pg.ClientBase {
  connection: { stream: Duplex & { setTimeout(ms: number, onTimeout: () => void): unknown } }
  /** Whether no statement is under way. */
  readyForQuery: boolean
}

/**
 * Connections to PostgreSQL that notice when they are dead. A line that was cut without a word (a firewall that
 * forgets, a machine that is gone) tells neither side: so a connection that leaves a statement without any answer is
 * given up, and PostgreSQL is asked to end by itself, and before that, what such a client would leave behind, with
 * all that it has locked.
 *
 * @param config as for `pg`, with the most connections at once
 * @param silenceMs how long a statement may be without an answer
 */
export function openPool(
  config: pg.PoolConfig & { connectionString: string; max: number },
  silenceMs = usualSilenceMs,
): pg.Pool {
  const open = new Set<Client>()
  const pool = new pg.Pool({
    connectionTimeoutMillis: Math.min(10_000, silenceMs),
    // So that connections on which we only listen are noticed too, by the operating system.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...config,
    // The pool waits for what this gives.
    onConnect: client => begin(client as Client),
  })

  async function begin(client: Client): Promise<void> {
    open.add(client)
    client.once('end', () => open.delete(client))
    const { stream } = client.connection
    stream.setTimeout(silenceMs, () => {
      if (!client.readyForQuery)
        stream.destroy(new Error(`timeout: PostgreSQL was silent for ${silenceMs} ms`))
    })
    await client.query(
      `set statement_timeout = ${Math.round(silenceMs * 0.8)}; set idle_in_transaction_session_timeout = ${silenceMs};
      set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3`,
    )
  }

  const end = pool.end.bind(pool) as () => Promise<void>
  /** A server that is cut off never answers the goodbye, and what waits for it would keep the process. */
  async function endInTime(): Promise<void> {
    await atMost(closeMs, end())
    for (const { connection } of open) connection.stream.destroy()
  }
  return Object.assign(pool, { end: endInTime })
}
