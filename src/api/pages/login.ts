import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { requireOwnOrigin } from '../origin.ts'
import type { Parts } from '../parts.ts'
import { toError } from '../problem.ts'
import { may } from '../roles.ts'
import { html, sendPage } from './html.ts'

const hidden = { ...may('public'), schema: { hide: true } }
const mostBytes = 4_096

/** Signing in and out with plain forms, which need no script. */
export const loginPages =
  ({ auth }: Parts): FastifyPluginAsync =>
  async app => {
    app.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: mostBytes },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    )

    app.get('/login', hidden, async (request, reply) => {
      const { next } = request.query as { next?: unknown }
      return sendForm(reply, ownPath(next))
    })

    app.post(
      '/login',
      { ...hidden, onRequest: async request => refuseForeign(request) },
      async (request, reply) => {
        const { token, next } = (request.body ?? {}) as { token?: unknown; next?: unknown }
        try {
          await auth.signIn(request, reply, String(token ?? '').trim())
        } catch (thrown) {
          const error = toError(thrown)
          if (error.status >= 500) throw thrown
          if (error.retryAfterMs) reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000))
          return sendForm(reply.code(error.status), ownPath(next), error.message)
        }
        return reply.redirect(ownPath(next), 303)
      },
    )

    app.post(
      '/logout',
      { ...hidden, onRequest: async request => requireOwnOrigin(request) },
      async (request, reply) => {
        await auth.signOut(request, reply)
        return reply.redirect('/', 303)
      },
    )
  }

/** Nobody else's page may sign a browser in; what says nothing of where it comes from is no browser. */
function refuseForeign(request: FastifyRequest): void {
  const { origin, 'sec-fetch-site': site } = request.headers
  if (origin !== undefined || site !== undefined) requireOwnOrigin(request)
}

function sendForm(reply: FastifyReply, next: string, problem?: string): FastifyReply {
  const body = html`${problem === undefined ? '' : html`<p role="alert" id="problem">Not signed in: ${problem}.</p>`}
<form method="post" action="/login">
<input type="hidden" name="next" value="${next}">
<label for="token">Token</label>
<input type="password" id="token" name="token" required autofocus autocomplete="current-password" spellcheck="false">
<button>Sign in</button>
</form>
<p>An administrator makes tokens with <code>ipbridge token add</code>.</p>`
  return sendPage(reply, 'Sign in', body)
}

/** Where to go after signing in: a path of ours, never another site. */
export function ownPath(next: unknown): string {
  if (typeof next !== 'string' || !next.startsWith('/')) return '/'
  const base = 'http://here'
  const target = URL.canParse(next, base) ? new URL(next, base) : undefined
  const path = target?.origin === base ? `${target.pathname}${target.search}` : '/'
  // What a browser reads as the name of a host.
  return path.startsWith('//') ? '/' : path
}
