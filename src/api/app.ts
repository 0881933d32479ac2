import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import cookie from '@fastify/cookie'
import { type FastifyInstance, fastify } from 'fastify'
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { packageRoot } from '../package-root.ts'
import { createAuth } from './auth.ts'
import { boundCrowd, type Crowd, usualCrowd } from './crowd.ts'
import { board, boardPath } from './dashboard/board.ts'
import { guardAnswers, guardPages } from './headers.ts'
import { serveHealth } from './health.ts'
import { type Limits, limitByToken, prepareLimits, usualLimits } from './limits.ts'
import { serveMetrics } from './metrics.ts'
import { type KnownRoute, watchRoutes } from './missing.ts'
import { prepareOpenApi, serveDocs, serveOpenApi } from './openapi.ts'
import { pages } from './pages/pages.ts'
import type { ApiPorts, Parts } from './parts.ts'
import { problemHandler } from './problem.ts'
import { addressRoutes } from './routes/addresses.ts'
import { conflictRoutes } from './routes/conflicts.ts'
import { connectionRoutes } from './routes/connections.ts'
import { eventRoutes } from './routes/events.ts'
import { journalRoutes } from './routes/journals.ts'
import { operationRoutes } from './routes/operations.ts'
import { poolRoutes } from './routes/pools.ts'
import { reconciliationRoutes } from './routes/reconciliations.ts'
import { serverRoutes } from './routes/servers.ts'
import { serviceRoutes } from './routes/services.ts'
import { sessionRoutes } from './routes/session.ts'
import { tokenRoutes } from './routes/tokens.ts'
import { webhookRoutes } from './routes/webhooks.ts'
import { answerUnreadable } from './unreadable.ts'
import { validatorCompiler } from './validation.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route and who may call it. */
    knownRoutes: readonly KnownRoute[]
  }
}

const routes = [
  eventRoutes,
  operationRoutes,
  serviceRoutes,
  addressRoutes,
  connectionRoutes,
  serverRoutes,
  poolRoutes,
  reconciliationRoutes,
  webhookRoutes,
  conflictRoutes,
  journalRoutes,
  tokenRoutes,
  sessionRoutes,
]

/** The longest wait that a request may ask for is a minute; meanwhile its connection is silent. */
const silenceMs = 75_000

export interface ApiOptions {
  limits?: Limits
  crowd?: Crowd
  /** How long a request may take to arrive whole, in milliseconds. */
  arrivalMs?: number
}

/** Builds the HTTP server: the API, the queue dashboard and what watches over us. It does not listen yet. */
export async function createApi(ports: ApiPorts, options: ApiOptions = {}) {
  const { limits = usualLimits, crowd = usualCrowd, arrivalMs = 30_000 } = options
  const app = fastify({
    logger: false,
    genReqId: () => randomUUID(),
    bodyLimit: 1_048_576,
    trustProxy: false,
    connectionTimeout: silenceMs,
    requestTimeout: arrivalMs,
    // Node takes the longer one of the two for the body.
    http: { headersTimeout: arrivalMs, connectionsCheckingInterval: Math.min(arrivalMs, 10_000) },
    clientErrorHandler: answerUnreadable,
    keepAliveTimeout: silenceMs,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 1_000 },
    frameworkErrors: (error, request, reply) => void problemHandler(ports.log)(error, request, reply),
  })
  const closing = new AbortController()
  // Everybody who waits listens to it.
  setMaxListeners(0, closing.signal)
  app.addHook('preClose', async () => closing.abort())
  app.decorate('knownRoutes', watchRoutes(app))
  app.setErrorHandler(problemHandler(ports.log))
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.addHook('onRequest', async (request, reply) => void reply.header('x-request-id', request.id))
  acceptJson(app)

  await app.register(cookie)
  await prepareLimits(app)
  await prepareOpenApi(app, await version())
  const parts: Parts = { ...ports, auth: createAuth(app, ports), closing: closing.signal }

  serveMetrics(app, parts)
  await app.register(async plain => {
    plain.addHook('onRequest', guardAnswers)
    serveHealth(plain, parts)
    serveOpenApi(plain)
  })
  await app.register(
    async api => {
      api.addHook('onRequest', guardAnswers)
      api.addHook('onRequest', parts.auth.guard)
      api.addHook('onRequest', limitByToken(api, limits))
      api.addHook('onRequest', boundCrowd(api, crowd))
      for (const some of routes) await api.withTypeProvider<ZodTypeProvider>().register(some(parts))
    },
    { prefix: '/api/v1' },
  )
  await app.register(pages(parts))
  await app.register(async docs => {
    await guardPages(docs, 'application')
    await serveDocs(docs)
  })
  await app.register(board(parts, limits), { prefix: boardPath })
  await app.ready()
  return app
}

async function version(): Promise<string> {
  return JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')).version
}

/** JSON and nothing else, unless a route says so. A body that is empty is no body, whatever its type says. */
function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null, undefined) : parse(request, String(body), done),
  )
}
