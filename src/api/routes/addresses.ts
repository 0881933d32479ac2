import { z } from 'zod'
import type { Actor } from '../../desk/actor.ts'
import { addressFilters, paging } from '../../desk/filters.ts'
import type { OperationView } from '../../desk/operations.ts'
import { isAtRest } from '../../desk/outcomes.ts'
import { ptrChange } from '../../desk/schemas.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { address, addressHistory, operation } from '../shapes/ledger.ts'
import { wait, withReason } from '../validation.ts'
import { rest } from '../waiting.ts'

const addressed = z.object({ ip: z.string().max(64).meta({ description: 'a host address, without a mask' }) })

export const addressRoutes: Routes = parts => async app => {
  const { desk } = parts

  app.get(
    '/addresses',
    {
      ...may('addresses.read'),
      schema: {
        ...described('addresses', 'listAddresses', 'Lists assignments that have an address, newest first'),
        querystring: z.object({ ...paging, ...addressFilters }),
        response: { 200: pageOf(address) },
      },
    },
    ({ query, caller }) => desk.addresses.list(caller, query),
  )

  app.get(
    '/addresses/:ip',
    {
      ...may('addresses.read'),
      schema: {
        ...described('addresses', 'showAddress', 'Shows who has an address, and who ever had it'),
        params: addressed,
        response: { 200: addressHistory },
      },
    },
    ({ params, caller }) => desk.addresses.history(caller, params.ip),
  )

  app.post(
    '/addresses/:ip/confirm',
    {
      ...may('addresses.confirm'),
      schema: {
        ...described(
          'addresses',
          'confirmAddress',
          'Says that people have configured an address on its server, which has no panel',
        ),
        params: addressed,
        body: z.strictObject(withReason).nullish(),
        response: { 200: address },
      },
    },
    ({ params, body, caller }) => desk.addresses.confirm(caller, params.ip, body?.reason),
  )

  app.patch(
    '/addresses/:ip',
    {
      ...may('addresses.ptr'),
      schema: {
        ...described('addresses', 'changeAddress', 'Changes or removes the PTR of an address in use'),
        params: addressed,
        querystring: z.object({ wait }),
        body: ptrChange.extend(withReason),
        response: { 200: operation, 202: operation },
      },
    },
    async ({ params, query, body, caller }, reply) => {
      const { operations } = await desk.addresses.setPtr(caller, params.ip, body.ptr, body.reason)
      if (query.wait !== undefined) await rest(parts, operations, query.wait, reply)
      const view = await desk.operations.show(operations[0] ?? '')
      const isDone = query.wait !== undefined && isAtRest(view.state)
      return reply.code(isDone ? 200 : 202).send(shownTo(caller, view))
    },
  )
}

/** How the work is done inside is not for clients. */
function shownTo(caller: Actor, view: OperationView): OperationView {
  return caller.role === 'client' ? { ...view, connection: null, steps: [] } : view
}
