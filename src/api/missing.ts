import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { IpbridgeError } from '../errors.ts'
import type { Permission } from './roles.ts'

/** A route as it was registered. */
export interface KnownRoute {
  method: string
  /** With its parameters, such as `/api/v1/pools/:name`. */
  url: string
  permission(): Permission | undefined
}

/**
 * Keeps the list of all routes, and answers requests for which there is none: 405 where the path exists with
 * another method, else 404. To be called before the routes are registered.
 */
export function watchRoutes(app: FastifyInstance): KnownRoute[] {
  const routes: (KnownRoute & { pattern: RegExp })[] = []

  app.addHook('onRoute', route => {
    const { url } = route
    for (const method of [route.method].flat()) {
      // Hooks that run after this one may still set the permission.
      routes.push({ method, url, pattern: patternOf(url), permission: () => route.config?.permission })
    }
  })

  app.setNotFoundHandler((request: FastifyRequest, reply: FastifyReply) => {
    const path = request.url.replace(/\?.*$/, '')
    const shown = path.slice(0, 200)
    const methods = routes.filter(({ pattern }) => pattern.test(path)).map(route => route.method)
    if (methods.length === 0 || methods.includes(request.method)) {
      throw new IpbridgeError('not_found', `there is nothing at ${shown}`)
    }
    const allowed = [...new Set(methods)].join(', ')
    reply.header('allow', allowed)
    throw new IpbridgeError('method_not_allowed', `${shown} knows ${allowed}, but not ${request.method}`)
  })
  return routes
}

function patternOf(url: string): RegExp {
  const literal = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${literal.replace(/:[^/]+/g, '[^/]+').replaceAll('*', '.*')}$`)
}
