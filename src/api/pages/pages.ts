import type { FastifyPluginAsync } from 'fastify'
import { type ErrorCode, errorKinds } from '../../errors.ts'
import { guardPages } from '../headers.ts'
import type { Parts } from '../parts.ts'
import { titleOf } from '../problem.ts'
import { may } from '../roles.ts'
import { Html, html, sendPage, stylesheet } from './html.ts'
import { loginPages } from './login.ts'

const hidden = { ...may('public'), schema: { hide: true } }

/** The few pages of our own: where to go from here, and how to sign in. */
export const pages =
  (parts: Parts): FastifyPluginAsync =>
  async app => {
    await guardPages(app)
    await app.register(loginPages(parts))

    app.get('/style.css', hidden, async (_request, reply) => reply.type('text/css').send(stylesheet))

    app.get('/', hidden, async (request, reply) => {
      const caller = await parts.auth.identify(request).catch(() => undefined)
      return sendPage(
        reply,
        'ipbridge',
        html`${
          caller
            ? html`<p>You are <strong>${caller.name}</strong> (${caller.role}).</p>
<form method="post" action="/logout"><button>Sign out</button></form>`
            : html`<p><a href="/login?next=/">Sign in</a></p>`
        }
<ul>
<li><a href="/queues">Queues</a>: what is being worked on, and what failed</li>
<li><a href="/docs">API</a>: what can be asked and told (<a href="/api/openapi.json">OpenAPI</a>)</li>
</ul>`,
      )
    })

    app.get('/docs/errors', hidden, async (_request, reply) => {
      const rows = (Object.keys(errorKinds) as ErrorCode[]).map(code => {
        const { status, retry } = errorKinds[code]
        const help = retry === 'later' ? 'may succeed later' : 'fails again unless something is changed'
        return html`<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${titleOf(code)}; ${help}</td></tr>`
      })
      const head = new Html('<tr><th>code</th><th>HTTP</th><th>meaning</th></tr>')
      return sendPage(reply, 'Error codes', html`<table>${head}${rows}</table>`)
    })
  }
