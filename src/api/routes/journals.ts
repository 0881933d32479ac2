import { z } from 'zod'
import { auditFilters, messageFilters, paging } from '../../desk/filters.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { message } from '../shapes/events.ts'
import { auditEntry } from '../shapes/people.ts'

export const journalRoutes: Routes =
  ({ desk: { journals } }) =>
  async app => {
    app.get(
      '/outbox',
      {
        ...may('outbox.read'),
        schema: {
          ...described('journals', 'listMessages', 'Lists messages to billing, oldest first'),
          querystring: z.object({ ...paging, ...messageFilters }),
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
          querystring: z.object({ ...paging, ...auditFilters }),
          response: { 200: pageOf(auditEntry) },
        },
      },
      ({ query }) => journals.audit(query),
    )
  }
