import { z } from 'zod'
import { eventTypes } from '../domain/events.ts'
import { findingClasses } from '../domain/findings.ts'
import { assignmentStates, operationKinds, operationStates } from '../domain/states.ts'

/** What lists can be narrowed to, the same for the API and the command line. Everything comes as text. */

const yesOrNo = z.stringbool({ truthy: ['true'], falsy: ['false'], case: 'sensitive' })

/** The most that one page holds. */
export const mostItems = 1_000

/** Which page of a list. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(mostItems).optional().meta({ description: 'default: 100' }),
  cursor: z.string().min(1).max(1_000).optional().meta({ description: '`next` of the page before' }),
}

export const addressFilters = {
  service: z.string().max(200).optional(),
  client: z.string().max(200).optional(),
  server: z.string().max(63).optional(),
  connection: z.string().max(63).optional(),
  family: z.enum(['ipv4', 'ipv6']).optional(),
  state: z.enum(assignmentStates).optional().meta({ description: 'default: all but released' }),
  confirmation: z
    .enum(['pending', 'confirmed'])
    .optional()
    .meta({ description: 'pending: people have still to configure it on its server' }),
}

export const auditFilters = {
  subject: z.string().max(300).optional(),
  actor: z.string().max(200).optional(),
}

export const conflictFilters = {
  open: yesOrNo.optional().meta({ type: 'boolean', description: 'true: only unresolved ones' }),
}

export const deliveryFilters = { state: z.enum(['pending', 'delivered', 'failed']).optional() }

export const eventFilters = {
  source: z.string().max(300).optional(),
  id: z.string().max(200).optional(),
  type: z.enum(eventTypes).optional(),
  status: z.enum(['accepted', 'superseded']).optional(),
}

export const findingFilters = {
  class: z.enum(findingClasses).optional(),
  change: z
    .enum(['new', 'still', 'gone'])
    .optional()
    .meta({ description: 'since the run before; `gone` are findings of that one' }),
  decision: z.enum(['accept', 'ignore']).optional(),
}

export const messageFilters = {
  service: z.string().max(200).optional(),
  type: z.string().max(100).optional(),
}

export const operationFilters = {
  state: z.enum(operationStates).optional(),
  kind: z.enum(operationKinds).optional(),
  service: z.string().max(200).optional(),
  error: z.string().max(100).optional().meta({ description: "an error's code" }),
}

export const serviceFilters = {
  client: z.string().max(200).optional(),
  kind: z.string().max(40).optional(),
  server: z.string().max(63).optional(),
  state: z.enum(['expected', 'active', 'deleted']).optional(),
  domain: z.string().max(1000).optional(),
}
