import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { problemType } from './problem.ts'
import { may, permissions } from './roles.ts'

const tags = {
  events: 'What billing says has happened',
  operations: 'The work that events lead to',
  services: 'What billing sells',
  addresses: 'Who has which address, and its PTR',
  connections: 'IPAMs that are asked for addresses',
  servers: 'Control panels and nodes that run services',
  pools: 'Addresses that the built-in IPAM hands out',
  reconciliations: 'Comparisons of the ledger with an IPAM',
  webhooks: 'Where messages to billing are posted',
  conflicts: 'Addresses that an IPAM granted twice, and the ways out',
  journals: 'Messages to billing, and who changed what',
  tokens: 'Who may use the API',
  session: "A browser's sign-in",
}
export type Tag = keyof typeof tags

/** The part of a route's schema that people read. */
export function described(tag: Tag, operationId: string, summary: string) {
  return { tags: [tag], operationId, summary }
}

/** Derives the OpenAPI document from the schemas of the routes. To be called before they are registered. */
export async function prepareOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'ipbridge',
        version,
        description:
          'Joins a hosting company’s billing core to its IP address management. Errors are RFC 9457 problems with a stable `code`.',
      },
      tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer' },
          session: { type: 'apiKey', in: 'cookie', name: 'ipbridge_session' },
        },
      },
    },
    hideUntagged: true,
    transform: document => {
      const { schema, url } = jsonSchemaTransform(document)
      return { schema: schema?.hide || !schema ? { hide: true } : complete(schema, document.route), url }
    },
    transformObject: document => finished(jsonSchemaTransformObject(document)),
  })
}

const meanings: Record<string, string> = {
  200: 'Done',
  201: 'Added',
  202: 'Taken in; the work goes on by itself',
  204: 'Done; there is nothing to say',
  '4XX': 'The request was refused',
  '5XX': 'It could not be done now',
}

/** Adds what follows from who may call a route: its security, the roles, and what a refusal looks like. */
function complete(schema: FastifySchema, { config }: RouteOptions): FastifySchema {
  const roles = permissions[config?.permission ?? 'public']
  const refusal = {
    description: 'A problem',
    content: { [problemType]: { schema: { $ref: '#/components/schemas/Problem' } } },
  }
  return {
    ...schema,
    description: roles ? `For the roles ${roles.join(', ')}.` : 'Needs no token.',
    security: roles ? [{ token: [] }, { session: [] }] : [],
    response: {
      ...(schema.response as object),
      '4xx': refusal,
      '5xx': refusal,
    },
  }
}

/** As much of a document as we touch. */
interface OpenApi {
  paths?: Record<string, Record<string, { responses?: Record<string, { description: string | undefined }> }>>
  components?: { schemas?: Record<string, unknown> }
}

/**
 * Says what each answer means, and keeps only the shapes that are referred to: every one is known both as an
 * answer and as a request.
 */
function finished<T extends object>(document: T): T {
  const { paths = {}, components = {} } = document as OpenApi
  const schemas = components.schemas ?? {}
  const used = new Set<string>()
  const visit = (part: unknown): void => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (used.has(name)) continue
      used.add(name)
      visit(schemas[name])
    }
  }
  visit(paths)
  for (const { responses = {} } of Object.values(paths).flatMap(path => Object.values(path))) {
    for (const [status, answer] of Object.entries(responses)) {
      answer.description = meanings[status] ?? answer.description
    }
  }
  const kept = Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name)))
  return { ...document, components: { ...components, schemas: kept } }
}

/** The document for machines at `/api/openapi.json`, and for people at `/docs`. */
export function serveOpenApi(app: FastifyInstance): void {
  app.get('/api/openapi.json', { ...may('public'), schema: { hide: true } }, async () => app.swagger())
}

export async function serveDocs(app: FastifyInstance): Promise<void> {
  app.addHook('onRoute', route => {
    route.config = { ...route.config, ...may('public').config }
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { deepLinking: true },
    theme: { title: 'ipbridge API' },
  })
}
