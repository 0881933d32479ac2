import { z } from 'zod'
import { eventSchema } from '../../domain/events.ts'
import { operationStates } from '../../domain/states.ts'
import { maybeText, text, time } from './common.ts'
import { address, fault } from './ledger.ts'

eventSchema.register(z.globalRegistry, { id: 'BillingEvent' })

const receipt = z.object({
  source: text,
  id: text,
  status: z.enum(['accepted', 'duplicate', 'superseded']),
  operations: z.array(text),
})

export const receipts = z
  .object({
    accepted: z.int().meta({ description: 'events that were not known before' }),
    duplicates: z.int(),
    events: z.array(
      receipt.extend({
        addresses: z.array(address).optional().meta({ description: 'with `wait`' }),
        state: z.enum(operationStates).optional().meta({ description: 'with `wait`' }),
        errors: z
          .array(fault.extend({ operation: text }))
          .optional()
          .meta({ description: 'with `wait`: why operations failed or are parked' }),
      }),
    ),
  })
  .meta({ id: 'Receipts' })

export const storedEvent = z
  .object({
    source: text,
    id: text,
    type: text,
    status: text,
    time: time,
    sequence: maybeText,
    data: z.unknown(),
    via: text,
    receivedAt: time,
    operations: z.array(text),
  })
  .meta({ id: 'StoredEvent' })

export const message = z
  .object({
    id: text,
    type: text,
    service: maybeText,
    operation: maybeText,
    data: z.unknown(),
    createdAt: time,
    cursor: text.meta({ description: 'gives what comes after it, also when there is nothing yet' }),
  })
  .meta({ id: 'Message' })
