import { z } from 'zod'
import { conflictFilters, paging } from '../../desk/filters.ts'
import { conflictResolution } from '../../desk/schemas.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { conflict, decidedConflict } from '../shapes/ledger.ts'
import { identified } from '../validation.ts'

export const conflictRoutes: Routes =
  ({ desk: { conflicts } }) =>
  async app => {
    app.get(
      '/conflicts',
      {
        ...may('conflicts.read'),
        schema: {
          ...described(
            'conflicts',
            'listConflicts',
            'Lists addresses that an IPAM granted although another service has them, newest first',
          ),
          querystring: z.object({ ...paging, ...conflictFilters }),
          response: { 200: pageOf(conflict) },
        },
      },
      ({ query }) => conflicts.list(query),
    )

    app.get(
      '/conflicts/:id',
      {
        ...may('conflicts.read'),
        schema: {
          ...described('conflicts', 'showConflict', 'Shows a conflict with both services'),
          params: identified,
          response: { 200: conflict },
        },
      },
      ({ params }) => conflicts.show(params.id),
    )

    app.post(
      '/conflicts/:id/resolve',
      {
        ...may('conflicts.resolve'),
        schema: {
          ...described(
            'conflicts',
            'resolveConflict',
            'Decides whose address it is; operations carry it out, and the conflict is resolved once they have',
          ),
          params: identified,
          body: conflictResolution,
          response: { 202: decidedConflict },
        },
      },
      async ({ params, body, caller }, reply) =>
        reply.code(202).send(await conflicts.resolve(caller, params.id, body)),
    )
  }
