import { z } from 'zod'
import { paging } from '../../desk/filters.ts'
import { connectionChange, connectionInput } from '../../desk/schemas.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { check, connection } from '../shapes/places.ts'
import { named, nothing, withReason } from '../validation.ts'

/** How long "test connection" may take. */
const testMs = 30_000

export const connectionRoutes: Routes =
  ({ desk }) =>
  async app => {
    app.get(
      '/connections',
      {
        ...may('connections.read'),
        schema: {
          ...described('connections', 'listConnections', 'Lists connections by name'),
          querystring: z.object(paging),
          response: { 200: pageOf(connection) },
        },
      },
      ({ query }) => desk.connections.list(query),
    )

    app.get(
      '/connections/:name',
      {
        ...may('connections.read'),
        schema: {
          ...described('connections', 'showConnection', 'Shows a connection, without its secrets'),
          params: named,
          response: { 200: connection },
        },
      },
      ({ params }) => desk.connections.show(params.name),
    )

    app.post(
      '/connections',
      {
        ...may('connections.write'),
        schema: {
          ...described('connections', 'addConnection', 'Adds a connection'),
          body: connectionInput.extend(withReason),
          response: { 201: connection },
        },
      },
      async ({ body: { reason, ...input }, caller }, reply) =>
        reply.code(201).send(await desk.connections.add(caller, input, reason)),
    )

    app.patch(
      '/connections/:name',
      {
        ...may('connections.write'),
        schema: {
          ...described('connections', 'changeConnection', 'Changes the fields that are given'),
          params: named,
          body: connectionChange.extend(withReason),
          response: { 200: connection },
        },
      },
      ({ params, body: { reason, ...input }, caller }) =>
        desk.connections.change(caller, params.name, input, reason),
    )

    app.delete(
      '/connections/:name',
      {
        ...may('connections.write'),
        schema: {
          ...described('connections', 'removeConnection', 'Removes a connection that nothing depends on'),
          params: named,
          querystring: z.object(withReason),
          response: { 204: nothing },
        },
      },
      async ({ params, query, caller }, reply) => {
        await desk.connections.remove(caller, params.name, query.reason)
        return reply.code(204).send()
      },
    )

    app.post(
      '/connections/:name/test',
      {
        ...may('connections.test'),
        schema: {
          ...described(
            'connections',
            'testConnection',
            'Says what works with a connection, and what does not',
          ),
          params: named,
          response: { 200: check },
        },
      },
      ({ params }) => desk.connections.test(params.name, AbortSignal.timeout(testMs)),
    )
  }
