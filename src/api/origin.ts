import type { FastifyRequest } from 'fastify'
import { IpbridgeError } from '../errors.ts'

/**
 * A browser sends the session's cookie with whatever makes it send a request: only our own pages may make it
 * change something.
 * @throws forbidden
 */
export function requireOwnOrigin(request: FastifyRequest): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  const { origin, host, 'sec-fetch-site': site } = request.headers
  const isOurs = site === undefined ? isOwn(origin, host) : site === 'same-origin'
  if (isOurs) return
  throw new IpbridgeError(
    'forbidden',
    'a change with a session must come from our own pages: the header Origin or Sec-Fetch-Site says otherwise',
  )
}

/** Whether the origin names the host that was asked, by whichever scheme the browser came to it. */
function isOwn(origin: string | undefined, host = ''): boolean {
  if (origin === undefined || !URL.canParse(origin)) return false
  const from = new URL(origin)
  const own = `${from.protocol}//${host}`
  return host !== '' && URL.canParse(own) && new URL(own).host === from.host
}
