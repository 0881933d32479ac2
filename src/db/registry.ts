import { IpbridgeError } from '../errors.ts'
import type { Db } from './client.ts'
import type { Vault } from './vault.ts'

/** A connection with its secrets opened: never to be logged or answered. */
export interface OpenConnection {
  id: string
  name: string
  driver: string
  url: string | undefined
  login: string | undefined
  password: string | undefined
  adminLogin: string | undefined
  adminPassword: string | undefined
  hiddenTypes: string[]
  conflictPtr: string
  addressSpace: string
  maxConcurrent: number | undefined
  tls: Record<string, unknown>
  options: Record<string, unknown>
  updatedAt: Date
}

/** A server with its secrets opened. */
export interface OpenServer {
  id: string
  name: string
  panel: string
  url: string | undefined
  login: string | undefined
  password: string | undefined
  connectionId: string
  tls: Record<string, unknown>
  options: Record<string, unknown>
  updatedAt: Date
}

export type Registry = ReturnType<typeof createRegistry>

/** Where a secret is stored: it can be opened for this place only. */
export const placeOf = {
  connectionPassword: (id: string) => `connection:${id}:password`,
  connectionAdminPassword: (id: string) => `connection:${id}:adminpassword`,
  serverPassword: (id: string) => `server:${id}:password`,
  subscriberSecret: (id: string) => `subscriber:${id}:secret`,
}

/** Reads connections and servers for those who use them. An entry may be up to `freshMs` old. */
export function createRegistry(db: Db, vault: Vault, freshMs = 2_000) {
  const open = (sealed: string | null, place: string) =>
    sealed === null ? undefined : vault.open(sealed, place)

  async function loadConnection(id: string): Promise<OpenConnection> {
    const row = await db.connection.findUnique({ where: { id } })
    if (row === null) throw new IpbridgeError('not_found', `connection ${id} is gone`)
    return {
      ...row,
      url: row.url ?? undefined,
      login: row.login ?? undefined,
      password: open(row.password, placeOf.connectionPassword(id)),
      adminLogin: row.adminLogin ?? undefined,
      adminPassword: open(row.adminPassword, placeOf.connectionAdminPassword(id)),
      maxConcurrent: row.maxConcurrent ?? undefined,
      tls: row.tls as Record<string, unknown>,
      options: row.options as Record<string, unknown>,
    }
  }

  async function loadServer(id: string): Promise<OpenServer> {
    const row = await db.server.findUnique({ where: { id } })
    if (row === null) throw new IpbridgeError('not_found', `server ${id} is gone`)
    return {
      ...row,
      url: row.url ?? undefined,
      login: row.login ?? undefined,
      password: open(row.password, placeOf.serverPassword(id)),
      tls: row.tls as Record<string, unknown>,
      options: row.options as Record<string, unknown>,
    }
  }

  return { connection: fresh(loadConnection, freshMs), server: fresh(loadServer, freshMs) }
}

/** Remembers what was loaded for a moment; a failure is not remembered. */
function fresh<T>(load: (id: string) => Promise<T>, freshMs: number): (id: string) => Promise<T> {
  const cache = new Map<string, { value: Promise<T>; until: number }>()
  return id => {
    const known = cache.get(id)
    if (known && performance.now() < known.until) return known.value
    const value = load(id)
    cache.set(id, { value, until: performance.now() + freshMs })
    value.catch(() => cache.delete(id))
    return value
  }
}
