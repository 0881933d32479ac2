import { z } from 'zod'
import { paging, serviceFilters } from '../../desk/filters.ts'
import { serviceInput } from '../../desk/schemas.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { service } from '../shapes/ledger.ts'
import { identified, withReason } from '../validation.ts'

export const serviceRoutes: Routes =
  ({ desk }) =>
  async app => {
    app.get(
      '/services',
      {
        ...may('services.read'),
        schema: {
          ...described('services', 'listServices', 'Lists services by id'),
          querystring: z.object({ ...paging, ...serviceFilters }),
          response: { 200: pageOf(service) },
        },
      },
      ({ query, caller }) => desk.services.list(caller, query),
    )

    app.get(
      '/services/:id',
      {
        ...may('services.read'),
        schema: {
          ...described('services', 'showService', 'Shows a service with its addresses and latest operations'),
          params: identified,
          response: { 200: service },
        },
      },
      ({ params, caller }) => desk.services.show(caller, params.id),
    )

    app.post(
      '/services',
      {
        ...may('services.enter'),
        schema: {
          ...described(
            'services',
            'enterService',
            'Enters a service that exists, with the addresses that it has',
          ),
          body: serviceInput.extend(withReason),
          response: { 201: service },
        },
      },
      async ({ body: { reason, ...input }, caller }, reply) =>
        reply.code(201).send(await desk.services.add(caller, input, reason)),
    )
  }
