import helmet from '@fastify/helmet'
import type { FastifyInstance, FastifyReply } from 'fastify'

const none = ["'none'"]
const own = ["'self'"]

/** What our own pages need: nothing but themselves, no script at all. */
const strict = {
  'default-src': none,
  'style-src': own,
  'img-src': own,
  'form-action': own,
  'base-uri': none,
  'frame-ancestors': none,
}

/** The queue dashboard and the API's pages run scripts of ours and set styles from them. */
const application = {
  ...strict,
  'script-src': own,
  'connect-src': own,
  'worker-src': own,
  'style-src': ["'self'", "'unsafe-inline'"],
  'img-src': ["'self'", 'data:'],
  'font-src': ["'self'", 'data:'],
  'base-uri': own,
}

/**
 * Security headers of pages. Whether browsers must come by HTTPS is for whoever ends TLS to say, so there is no
 * Strict-Transport-Security, and plain HTTP is not upgraded.
 * @param kind `application` for pages that others wrote, which run scripts
 */
export async function guardPages(app: FastifyInstance, kind: 'page' | 'application' = 'page'): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: kind === 'page' ? strict : application },
    strictTransportSecurity: false,
    referrerPolicy: { policy: 'same-origin' },
  })
}

/** The same for answers that are no pages: a fixed few, since helmet would work them out for each answer anew. */
export const answerHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

export async function guardAnswers(_request: unknown, reply: FastifyReply): Promise<void> {
  reply.headers(answerHeaders)
}
