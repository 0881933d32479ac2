import { z } from 'zod'
import { type ErrorCode, errorKinds } from '../../errors.ts'

// What the API answers. A field that is not named in these files never leaves the house.

export const time = z.date()
export const maybeTime = time.nullable()
export const text = z.string()
export const maybeText = text.nullable()
export const settings = z.record(z.string(), z.unknown())

/** One page of a list. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    next: maybeText.meta({ description: 'the cursor of the next page; null on the last one' }),
  })
}

export const problem = z
  .object({
    type: text.meta({ example: '/docs/errors#pool_exhausted' }),
    title: text,
    status: z.int(),
    code: z.enum(Object.keys(errorKinds) as [ErrorCode, ...ErrorCode[]]),
    detail: text,
    instance: text.meta({ description: 'the request, as it stands in the log' }),
    errors: z.array(z.object({ pointer: text, message: text })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' })
