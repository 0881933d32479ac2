import { z } from 'zod'
import type { Actor } from '../../desk/actor.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { whoIAm } from '../shapes/people.ts'
import { nothing } from '../validation.ts'

export const sessionRoutes: Routes =
  ({ auth }) =>
  async app => {
    app.post(
      '/session',
      {
        ...may('public'),
        schema: {
          ...described('session', 'signIn', 'Exchanges a token for the cookie of a session'),
          body: z.strictObject({ token: z.string().min(1).max(200) }),
          response: { 200: whoIAm },
        },
      },
      async (request, reply) => present(await auth.signIn(request, reply, request.body.token)),
    )

    app.get(
      '/session',
      {
        ...may('session.use'),
        schema: {
          ...described('session', 'whoAmI', 'Says who one is'),
          response: { 200: whoIAm },
        },
      },
      async ({ caller }) => present(caller),
    )

    app.delete(
      '/session',
      {
        ...may('session.use'),
        schema: {
          ...described('session', 'signOut', 'Ends the session'),
          response: { 204: nothing },
        },
      },
      async (request, reply) => {
        await auth.signOut(request, reply)
        return reply.code(204).send()
      },
    )
  }

function present({ name, role, client }: Actor) {
  return { name, role, client: client ?? null }
}
