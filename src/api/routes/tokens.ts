import { z } from 'zod'
import { paging } from '../../desk/filters.ts'
import { tokenInput } from '../../desk/schemas.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { newToken, token } from '../shapes/people.ts'
import { identified, nothing, withReason } from '../validation.ts'

export const tokenRoutes: Routes =
  ({ desk, auth }) =>
  async app => {
    app.get(
      '/tokens',
      {
        ...may('tokens.manage'),
        schema: {
          ...described('tokens', 'listTokens', 'Lists tokens, newest first, revoked ones included'),
          querystring: z.object(paging),
          response: { 200: pageOf(token) },
        },
      },
      ({ query }) => desk.tokens.list(query),
    )

    app.get(
      '/tokens/:id',
      {
        ...may('tokens.manage'),
        schema: {
          ...described('tokens', 'showToken', 'Shows what a token is for, not the token'),
          params: identified,
          response: { 200: token },
        },
      },
      ({ params }) => desk.tokens.show(params.id),
    )

    app.post(
      '/tokens',
      {
        ...may('tokens.manage'),
        schema: {
          ...described('tokens', 'addToken', 'Makes a token, which is shown this once'),
          body: tokenInput.safeExtend(withReason),
          response: { 201: newToken },
        },
      },
      async ({ body: { reason, ...input }, caller }, reply) =>
        reply.code(201).send(await desk.tokens.add(caller, input, reason)),
    )

    app.delete(
      '/tokens/:id',
      {
        ...may('tokens.manage'),
        schema: {
          ...described('tokens', 'revokeToken', 'Revokes a token and ends its sessions, within five seconds'),
          params: identified,
          querystring: z.object(withReason),
          response: { 204: nothing },
        },
      },
      async ({ params, query, caller }, reply) => {
        await desk.tokens.remove(caller, params.id, query.reason)
        auth.forget()
        return reply.code(204).send()
      },
    )
  }
