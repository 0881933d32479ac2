import { z } from 'zod'
import { paging } from '../../desk/filters.ts'
import { serverChange, serverInput } from '../../desk/schemas.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { check, server } from '../shapes/places.ts'
import { named, nothing, withReason } from '../validation.ts'

/** How long "test server" may take. */
const testMs = 30_000

export const serverRoutes: Routes =
  ({ desk }) =>
  async app => {
    app.get(
      '/servers',
      {
        ...may('servers.read'),
        schema: {
          ...described('servers', 'listServers', 'Lists servers by name'),
          querystring: z.object(paging),
          response: { 200: pageOf(server) },
        },
      },
      ({ query }) => desk.servers.list(query),
    )

    app.get(
      '/servers/:name',
      {
        ...may('servers.read'),
        schema: {
          ...described('servers', 'showServer', 'Shows a server, without its secrets'),
          params: named,
          response: { 200: server },
        },
      },
      ({ params }) => desk.servers.show(params.name),
    )

    app.post(
      '/servers',
      {
        ...may('servers.write'),
        schema: {
          ...described('servers', 'addServer', 'Adds a server'),
          body: serverInput.extend(withReason),
          response: { 201: server },
        },
      },
      async ({ body: { reason, ...input }, caller }, reply) =>
        reply.code(201).send(await desk.servers.add(caller, input, reason)),
    )

    app.patch(
      '/servers/:name',
      {
        ...may('servers.write'),
        schema: {
          ...described('servers', 'changeServer', 'Changes the fields that are given'),
          params: named,
          body: serverChange.extend(withReason),
          response: { 200: server },
        },
      },
      ({ params, body: { reason, ...input }, caller }) =>
        desk.servers.change(caller, params.name, input, reason),
    )

    app.delete(
      '/servers/:name',
      {
        ...may('servers.write'),
        schema: {
          ...described('servers', 'removeServer', 'Removes a server that never had a service'),
          params: named,
          querystring: z.object(withReason),
          response: { 204: nothing },
        },
      },
      async ({ params, query, caller }, reply) => {
        await desk.servers.remove(caller, params.name, query.reason)
        return reply.code(204).send()
      },
    )

    app.post(
      '/servers/:name/test',
      {
        ...may('servers.test'),
        schema: {
          ...described('servers', 'testServer', 'Says what works with a server, and what does not'),
          params: named,
          response: { 200: check },
        },
      },
      ({ params }) => desk.servers.test(params.name, AbortSignal.timeout(testMs)),
    )
  }
