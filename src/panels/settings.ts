import { z } from 'zod'
import type { OpenServer } from '../db/registry.ts'
import { type TlsSettings, tlsSettings } from '../http/tls.ts'
import { readSettings } from '../settings.ts'

/** What a driver takes of a stored server, checked. */
export interface PanelSettings<O> {
  /** The server's name. */
  name: string
  url: string
  login: string
  password: string
  tls: TlsSettings
  options: O
}

/** Options that all servers have, whatever their panel. */
export const commonOptions = {
  /** The pools or groups of its connection that it is limited to. */
  pools: z.array(z.string().min(1)).optional(),
}

/**
 * Reads the settings of a server whose panel is reached over HTTP and wants a login and a password.
 * @param options the schema of the panel's own options
 * @param url what its URL must be like, beyond being one
 * @throws invalid_configuration naming each bad field and what it takes
 */
export function settingsOf<S extends z.ZodType>(
  server: OpenServer,
  options: S,
  url: z.ZodType<string>,
): PanelSettings<z.output<S>> {
  const { name, login, password, tls } = server
  const input = { url: server.url, login, password, tls, options: server.options }
  const text = z.string().min(1)
  const schema = z.object({ url, login: text, password: text, tls: tlsSettings, options })
  return { name, ...readSettings(schema, input, `server ${name}`) } as PanelSettings<z.output<S>>
}
