import { z } from 'zod'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { message } from '../shapes/events.ts'
import { conflict } from '../shapes/ledger.ts'
import { auditEntry } from '../shapes/people.ts'
import { paging } from '../validation.ts'

const yesOrNo = z.stringbool({ truthy: ['true'], falsy: ['false'], case: 'sensitive' })

const filters = {
  conflicts: {
    open: yesOrNo.optional().meta({ type: 'boolean', description: 'true: only unresolved ones' }),
  },
  messages: { service: z.string().max(200).optional(), type: z.string().max(100).optional() },
  audit: { subject: z.string().max(300).optional(), actor: z.string().max(200).optional() },
}

export const journalRoutes: Routes =
  ({ desk: { journals } }) =>
  async app => {
    app.get(
      '/conflicts',
      {
        ...may('conflicts.read'),
        schema: {
          ...described(
            'journals',
            'listConflicts',
            'Lists addresses that an IPAM granted twice, newest first',
          ),
          querystring: z.object({ ...paging, ...filters.conflicts }),
          response: { 200: pageOf(conflict) },
        },
      },
      ({ query }) => journals.conflicts(query),
    )

    app.get(
      '/outbox',
      {
        ...may('outbox.read'),
        schema: {
          ...described('journals', 'listMessages', 'Lists messages to billing, oldest first'),
          querystring: z.object({ ...paging, ...filters.messages }),
          response: { 200: pageOf(message) },
        },
      },
      ({ query }) => journals.messages(query),
    )

    app.get(
      '/audit',
      {
        ...may('audit.read'),
        schema: {
          ...described('journals', 'listAudit', 'Lists who changed what, when and why, newest first'),
          querystring: z.object({ ...paging, ...filters.audit }),
          response: { 200: pageOf(auditEntry) },
        },
      },
      ({ query }) => journals.audit(query),
    )
  }
