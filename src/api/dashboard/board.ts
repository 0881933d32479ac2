import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { FastifyAdapter } from '@bull-board/fastify'
import type { FastifyPluginAsync, FastifyRequest, RouteHandlerMethod } from 'fastify'
import { withoutSecrets } from '../../desk/secrets.ts'
import { IpbridgeError } from '../../errors.ts'
import { allQueues } from '../../queue/names.ts'
import { guardPages } from '../headers.ts'
import { type Limits, limitByToken } from '../limits.ts'
import type { Parts } from '../parts.ts'
import { type Problem, problemHandler } from '../problem.ts'
import { allows } from '../roles.ts'
import { boardActions, refuseAction } from './actions.ts'

export const boardPath = '/queues'

/** The dashboard's page asks another site for its fonts. It does well without, and nobody need know who looks at it. */
const foreignLink = /<link href="https:[^>]*>/

/** The queue dashboard, behind our sign-in. It shows everything and changes only what src/api/dashboard/actions.ts does. */
export const board =
  (parts: Parts, limits: Limits): FastifyPluginAsync =>
  async app => {
    const actions = boardActions(parts)
    const onError = problemHandler(parts.log, forBoard)

    // The dashboard's own handlers serve what is read; for what would change something, ours take their place.
    app.addHook('onRoute', route => {
      const methods = [route.method].flat()
      const reads = methods.every(method => method === 'GET' || method === 'HEAD')
      route.config = { ...route.config, permission: reads ? 'queues.read' : 'queues.steer' }
      route.errorHandler = onError
      if (reads) return
      const action = actions[`${methods.join()} ${route.url.slice(boardPath.length)}`] ?? refuseAction
      route.handler = action as RouteHandlerMethod
    })

    await guardPages(app, 'application')
    app.addHook('onRequest', async (request, reply) => {
      try {
        await parts.auth.guard(request)
      } catch (error) {
        if (!(isStranger(error) && isVisit(request))) throw error
        return reply.redirect(`/login?next=${encodeURIComponent(request.url)}`)
      }
    })
    app.addHook('onRequest', limitByToken(app, limits))
    app.addHook('onSend', async (_request, reply, payload) => {
      if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
      return typeof payload === 'string' ? payload.replace(foreignLink, '') : payload
    })
    app.addHook('preSerialization', async ({ routeOptions, caller }, _reply, payload) => {
      const isList = routeOptions.url === `${boardPath}/api/queues`
      return isList && caller && allows('queues.steer', caller.role) ? withButtons(payload) : payload
    })

    const adapter = new FastifyAdapter().setBasePath(boardPath)
    createBullBoard({
      queues: allQueues.map(name => adapterOf(parts, name)),
      serverAdapter: adapter,
      options: {
        uiConfig: {
          boardTitle: 'ipbridge',
          hideDocsLink: true,
          hideRedisDetails: true,
          miscLinks: [{ text: 'ipbridge', url: '/' }],
        },
      },
    })
    await app.register(adapter.registerPlugin())
  }

function adapterOf({ queues }: Parts, name: string): BullMQAdapter {
  const adapter = new BullMQAdapter(queues.queue(name), { readOnlyMode: true })
  adapter.setFormatter('data', withoutSecrets)
  return adapter
}

/** The queues are read-only for the dashboard; who may retry is shown the buttons. */
function withButtons(payload: unknown): unknown {
  const { queues } = payload as { queues?: object[] }
  return queues
    ? {
        queues: queues.map(queue => ({
          ...queue,
          readOnlyMode: false,
          allowRetries: true,
          allowCompletedRetries: false,
        })),
      }
    : payload
}

function isStranger(error: unknown): boolean {
  return error instanceof IpbridgeError && error.code === 'unauthorized'
}

/** Someone who opens a page in a browser, rather than a script that asks for data. */
function isVisit(request: FastifyRequest): boolean {
  return request.method === 'GET' && (request.headers.accept ?? '').includes('text/html')
}

/** The dashboard shows `error` and `message`, wherever they come from. */
function forBoard(problem: Problem): object {
  return { ...problem, error: problem.title, message: problem.detail }
}
