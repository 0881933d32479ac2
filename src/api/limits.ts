import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify'
import { IpbridgeError } from '../errors.ts'

export interface Limits {
  /** Requests a minute of one token of the role `client`. */
  client: number
  /** Requests a minute of any other token. */
  others: number
}

export const usualLimits: Limits = { client: 120, others: 6_000 }

/** Makes ready to count; each process counts for itself. */
export async function prepareLimits(app: FastifyInstance): Promise<void> {
  await app.register(rateLimit, { global: false, cache: 10_000 })
}

/** Limits how often one token may ask. To run after the caller is known. */
export function limitByToken(app: FastifyInstance, limits: Limits): onRequestAsyncHookHandler {
  const limit = app.rateLimit({
    timeWindow: 60_000,
    keyGenerator: request => request.caller.tokenId,
    max: request => (request.caller.role === 'client' ? limits.client : limits.others),
    errorResponseBuilder: (_request, { max, ttl, after }) =>
      new IpbridgeError('rate_limited', `at most ${max} requests a minute; go on in ${after}`, {
        retryAfterMs: ttl,
      }),
  }) as onRequestAsyncHookHandler
  return async function (request, reply) {
    const { permission, unlimited } = request.routeOptions.config
    if (permission !== 'public' && !unlimited) await limit.call(this, request, reply)
  }
}
