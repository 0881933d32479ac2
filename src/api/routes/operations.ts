import { z } from 'zod'
import type { Actor } from '../../desk/actor.ts'
import { operationFilters, paging } from '../../desk/filters.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { operation } from '../shapes/ledger.ts'
import { identified, withReason } from '../validation.ts'

const perhapsReason = z.strictObject(withReason).nullish()

export const operationRoutes: Routes =
  ({ desk }) =>
  async app => {
    app.get(
      '/operations',
      {
        ...may('operations.read'),
        schema: {
          ...described('operations', 'listOperations', 'Lists operations, newest first'),
          querystring: z.object({ ...paging, ...operationFilters }),
          response: { 200: pageOf(operation) },
        },
      },
      ({ query, caller }) => desk.operations.list({ ...query, ...scopeOf(caller) }),
    )

    app.get(
      '/operations/:id',
      {
        ...may('operations.read'),
        schema: {
          ...described('operations', 'showOperation', 'Shows an operation with its step log'),
          params: identified,
          response: { 200: operation },
        },
      },
      ({ params, caller }) => desk.operations.show(params.id, scopeOf(caller)),
    )

    app.post(
      '/operations/:id/retry',
      {
        ...may('operations.steer'),
        schema: {
          ...described(
            'operations',
            'retryOperation',
            'Runs an operation again from the step where it stopped',
          ),
          params: identified,
          body: perhapsReason,
          response: { 202: operation },
        },
      },
      async ({ params, body, caller }, reply) => {
        await desk.operations.retry(caller, params.id, body?.reason)
        return reply.code(202).send(await desk.operations.show(params.id))
      },
    )

    app.post(
      '/operations/:id/cancel',
      {
        ...may('operations.steer'),
        schema: {
          ...described('operations', 'cancelOperation', 'Ends an operation that shall not be done any more'),
          params: identified,
          body: perhapsReason,
          response: { 200: operation },
        },
      },
      async ({ params, body, caller }) => {
        await desk.operations.cancel(caller, params.id, body?.reason)
        return desk.operations.show(params.id)
      },
    )
  }

/** A billing core sees what came of events, and not what operators do among themselves. */
function scopeOf(caller: Actor): { ofEvents: boolean } {
  return { ofEvents: caller.role === 'billing' }
}
