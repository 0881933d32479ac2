import { z } from 'zod'
import { maybeText, maybeTime, text, time } from './common.ts'

export const webhook = z
  .object({
    name: text,
    url: text,
    types: z.array(text).meta({ description: 'none: all of them' }),
    allowPrivate: z.boolean(),
    state: z.enum(['active', 'disabled']),
    disabledReason: maybeText,
    oldSecretUntil: maybeTime.meta({ description: 'until then messages are signed with the old secret too' }),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Webhook' })

export const newWebhook = webhook
  .extend({ secret: text.meta({ description: 'shown this once' }) })
  .meta({ id: 'NewWebhook' })

const attempt = {
  outcome: text,
  status: z.int().nullable(),
  detail: maybeText,
  ms: z.int(),
}

export const delivery = z
  .object({
    id: text,
    type: text,
    service: maybeText,
    state: z.enum(['pending', 'delivered', 'failed']),
    attempts: z.int(),
    nextAt: maybeTime,
    createdAt: time,
    endedAt: maybeTime,
    tries: z.array(z.object({ at: time, ...attempt })).meta({ description: 'the latest twenty' }),
  })
  .meta({ id: 'Delivery' })

export const tested = z
  .object({ ...attempt, status: z.int().optional(), detail: text.optional() })
  .meta({ id: 'WebhookTest' })

export const replayed = z.object({ messages: z.int() }).meta({ id: 'Replay' })
