import { z } from 'zod'
import type { OpenConnection } from '../db/registry.ts'
import { readSettings } from '../settings.ts'

/** Options that belong to connections of any kind; others read them. */
export const commonOptions = {
  reconcile: z.unknown().optional(),
  forwardCheck: z.unknown().optional(),
}

/**
 * Reads the settings of a connection as its driver needs them.
 * @param schema what the driver takes, of `url`, `login`, `password`, `adminlogin`, `adminpassword`, `tls`, `options`
 * @throws invalid_configuration naming each bad field and what it takes
 */
export function settingsOf<S extends z.ZodType>(connection: OpenConnection, schema: S): z.output<S> {
  const { url, login, password, adminLogin, adminPassword, tls, options } = connection
  const input = { url, login, password, adminlogin: adminLogin, adminpassword: adminPassword, tls, options }
  return readSettings(schema, input, `connection ${connection.name}`)
}
