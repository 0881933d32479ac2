import { z } from 'zod'
import { paging } from '../../desk/filters.ts'
import { poolChange, poolInput } from '../../desk/schemas.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { pool } from '../shapes/places.ts'
import { named, nothing, withReason } from '../validation.ts'

export const poolRoutes: Routes =
  ({ desk }) =>
  async app => {
    app.get(
      '/pools',
      {
        ...may('pools.read'),
        schema: {
          ...described('pools', 'listPools', 'Lists pools by name, with how full they are'),
          querystring: z.object(paging),
          response: { 200: pageOf(pool) },
        },
      },
      ({ query }) => desk.pools.list(query),
    )

    app.get(
      '/pools/:name',
      {
        ...may('pools.read'),
        schema: {
          ...described('pools', 'showPool', 'Shows a pool'),
          params: named,
          response: { 200: pool },
        },
      },
      ({ params }) => desk.pools.show(params.name),
    )

    app.post(
      '/pools',
      {
        ...may('pools.write'),
        schema: {
          ...described('pools', 'addPool', 'Adds a pool; operations that wait for its addresses go on'),
          body: poolInput.extend(withReason),
          response: { 201: pool },
        },
      },
      async ({ body: { reason, ...input }, caller }, reply) =>
        reply.code(201).send(await desk.pools.add(caller, input, reason)),
    )

    app.patch(
      '/pools/:name',
      {
        ...may('pools.write'),
        schema: {
          ...described('pools', 'changePool', 'Changes the fields that are given'),
          params: named,
          body: poolChange.extend(withReason),
          response: { 200: pool },
        },
      },
      ({ params, body: { reason, ...input }, caller }) =>
        desk.pools.change(caller, params.name, input, reason),
    )

    app.delete(
      '/pools/:name',
      {
        ...may('pools.write'),
        schema: {
          ...described('pools', 'removePool', 'Removes a pool of which no address is in use'),
          params: named,
          querystring: z.object(withReason),
          response: { 204: nothing },
        },
      },
      async ({ params, query, caller }, reply) => {
        await desk.pools.remove(caller, params.name, query.reason)
        return reply.code(204).send()
      },
    )
  }
