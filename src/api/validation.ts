import type { FastifySchemaCompiler } from 'fastify'
import { z } from 'zod'
import { faultsOf } from '../domain/faults.ts'
import { IpbridgeError } from '../errors.ts'

/** Checks requests with zod schemas, and says what is wrong with which field. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema }) => {
  return (data: unknown) => {
    const result = schema.safeParse(data)
    if (result.success) return { value: result.data }
    const faults = faultsOf(result.error, data ?? undefined)
    const text = faults.map(({ pointer, message }) => `${pointer || 'the body'} ${message}`)
    return { error: new IpbridgeError('invalid_request', text.join('; '), { faults }) }
  }
}

/** `?reason=` of requests without a body. */
export const reason = z.string().min(1).max(500).optional().meta({ description: 'why: for the audit' })

/** The same schema with the reason for the change beside its fields. */
export const withReason = { reason }

/** `?wait`: how long to wait for operations, in seconds. */
export const wait = z
  .string()
  .regex(/^([1-9]|[1-5]\d|60|)$/, 'must be a whole number of seconds from 1 to 60; alone it means 30')
  .transform(text => (text === '' ? 30 : Number(text)))
  .optional()
  .meta({ description: 'wait so many seconds, 1 to 60, until the operations rest; without a value: 30' })

export const named = z.object({ name: z.string().min(1).max(200) })
export const identified = z.object({ id: z.string().min(1).max(200) })

/** The body of 204. */
export const nothing = z.undefined().meta({ description: 'done' })
