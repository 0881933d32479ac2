import { z } from 'zod'
import { assignmentStates, operationKinds, operationStates } from '../../domain/states.ts'
import { maybeText, maybeTime, text, time } from './common.ts'

export const address = z
  .object({
    address: maybeText,
    family: z.enum(['ipv4', 'ipv6']),
    service: text,
    slot: text,
    state: z.enum(assignmentStates),
    ptr: maybeText,
    server: maybeText,
    connection: maybeText,
    marker: text,
    confirmation: z
      .enum(['pending', 'confirmed'])
      .nullable()
      .meta({ description: 'of servers that people configure: whether one said that it is done' }),
    assignedAt: maybeTime,
    releasedAt: maybeTime,
  })
  .meta({ id: 'Address' })

/** A conflict as the history of its address shows it. */
const conflictSeen = z.object({
  id: text,
  address: text,
  claimant: text,
  holder: text,
  createdAt: time,
  resolvedAt: maybeTime,
  resolution: maybeText,
})

export const conflict = conflictSeen
  .extend({
    connection: text,
    claimantAddress: maybeText.meta({ description: 'what the claimant has in place of it' }),
    holderState: text,
    state: z.enum(['open', 'deciding', 'resolved']),
    operation: text.meta({ description: 'the one that met it' }),
    decisions: z.array(text).meta({ description: 'operations that carry out what was decided' }),
  })
  .meta({ id: 'Conflict' })

export const decidedConflict = conflict.extend({ operations: z.array(text) })

/** The present assignment's fields are missing where an address is known by its conflicts only. */
export const addressHistory = address
  .partial()
  .extend({ address: text, history: z.array(address), conflicts: z.array(conflictSeen) })
  .meta({ id: 'AddressHistory' })

export const fault = z.object({ code: text, message: text })
const step = z.object({
  name: text,
  outcome: text,
  detail: maybeText,
  ms: z.int(),
  at: time,
  attempt: z.int(),
})

export const operation = z
  .object({
    id: text,
    kind: z.enum(operationKinds),
    state: z.enum(operationStates),
    service: maybeText,
    address: maybeText,
    slot: maybeText,
    connection: maybeText,
    attempts: z.int(),
    error: fault.nullable(),
    steps: z.array(step),
    cause: text,
    progress: z.object({ compared: z.int(), total: z.int() }).nullable(),
    createdAt: time,
    startedAt: maybeTime,
    endedAt: maybeTime,
  })
  .meta({ id: 'Operation' })

export const service = z
  .object({
    id: text,
    kind: maybeText,
    client: maybeText,
    domain: maybeText,
    server: maybeText,
    guest: maybeText,
    state: z.enum(['expected', 'active', 'deleted']),
    addresses: z.array(address),
    operations: z.array(z.object({ id: text, kind: text, state: text, createdAt: time, endedAt: maybeTime })),
  })
  .meta({ id: 'Service' })
