import type { z } from 'zod'
import { faultsOf } from './domain/faults.ts'
import { IpbridgeError } from './errors.ts'

/**
 * Reads stored settings as a driver needs them.
 * @param whom whose they are, as messages begin: `connection ipm`
 * @throws invalid_configuration naming each bad field and what it takes
 */
export function readSettings<S extends z.ZodType>(schema: S, input: object, whom: string): z.output<S> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const faults = faultsOf(result.error, input)
  const told = faults.map(({ pointer, message }) => `${pointer.slice(1).replaceAll('/', '.')} ${message}`)
  throw new IpbridgeError('invalid_configuration', `${whom}: ${told.join('; ')}`, { faults })
}
