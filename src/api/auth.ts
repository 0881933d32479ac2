import { createHash } from 'node:crypto'
import type {} from '@fastify/cookie'
import type {} from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Actor } from '../desk/actor.ts'
import type { Desk } from '../desk/desk.ts'
import { IpbridgeError } from '../errors.ts'
import type { Log } from '../log.ts'
import { requireOwnOrigin } from './origin.ts'
import { allows } from './roles.ts'

/** Who a request comes from. */
export interface Caller extends Actor {
  tokenId: string
  /** A browser's session needs proof that the request comes from our own pages. */
  via: 'token' | 'session'
  /** When the token or the session ends. */
  expiresAt?: Date
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every route that is not public. */
    caller: Caller
  }
}

export const sessionCookie = 'ipbridge_session'

/** How long a token is known without asking the database: so long may other processes take to feel a revocation. */
const freshMs = 1_000
const mostKnown = 1_000

/** Failed tries of one network address within a minute; beyond, there are no answers but 429. */
const mostFailures = 20

const tokenPattern = /^ipb_[A-Za-z0-9_-]{43}$/

export type Auth = ReturnType<typeof createAuth>

/** Tells who calls, by a bearer token or by a browser's session. Needs @fastify/rate-limit and cookies on `app`. */
export function createAuth(app: FastifyInstance, { desk, log }: { desk: Desk; log: Log }) {
  const known = new Map<string, { caller: Promise<Caller | undefined>; until: number }>()
  const failures = { max: mostFailures, timeWindow: 60_000 }
  const badTokens = app.createRateLimit(failures)
  const badSignIns = app.createRateLimit(failures)

  /** Who it is, unless that has ended since it was asked. */
  async function remembered(via: Caller['via'], secret: string): Promise<Caller | undefined> {
    const caller = await askedLately(via, secret)
    return caller?.expiresAt && caller.expiresAt <= new Date() ? undefined : caller
  }

  /** Intake is asked thousands of times a second, by few tokens. */
  function askedLately(via: Caller['via'], secret: string): Promise<Caller | undefined> {
    const key = createHash('sha256').update(`${via} ${secret}`).digest('base64url')
    const entry = known.get(key)
    if (entry && performance.now() < entry.until) return entry.caller
    const caller = lookUp(via, secret)
    const forget = () => known.delete(key)
    caller.then(found => found ?? forget(), forget)
    known.delete(key)
    known.set(key, { caller, until: performance.now() + freshMs })
    for (const oldest of known.keys()) {
      if (known.size <= mostKnown) break
      known.delete(oldest)
    }
    return caller
  }

  async function lookUp(via: Caller['via'], secret: string): Promise<Caller | undefined> {
    const found = await (via === 'token'
      ? desk.tokens.authenticate(secret)
      : desk.tokens.resumeSession(secret))
    if (found === undefined) return undefined
    desk.tokens
      .touch(found.tokenId)
      .catch(error => log.warn({ err: error }, 'the use of a token was not noted'))
    return { ...found, via }
  }

  /** @param failed counts one more failure; else only looks whether there were too many */
  async function refuseTooMany(limit: typeof badTokens, request: FastifyRequest, failed: boolean) {
    const count = await limit(request, { increment: failed })
    if (count.isAllowed || (failed ? !count.isExceeded : count.remaining > 0)) return
    const message = 'too many failed tries to sign in from this network address'
    throw new IpbridgeError('rate_limited', message, { retryAfterMs: count.ttl })
  }

  /** @returns undefined for who shows neither token nor session @throws unauthorized for a token that is not live */
  async function identify(request: FastifyRequest): Promise<Caller | undefined> {
    // Other schemes are for whatever stands in front of us.
    const [scheme = '', token = ''] = request.headers.authorization?.split(' ', 2) ?? []
    if (scheme.toLowerCase() === 'bearer') {
      const caller = tokenPattern.test(token) ? await remembered('token', token) : undefined
      if (caller) return { ...caller, remote: request.ip }
      await refuseTooMany(badTokens, request, true)
      throw new IpbridgeError('unauthorized', 'the token is not known, was revoked or has expired')
    }
    const session = request.cookies[sessionCookie]
    const caller = session ? await remembered('session', session) : undefined
    return caller && { ...caller, remote: request.ip }
  }

  return {
    identify,

    /** Lets through whom the route's permission allows. For `onRequest`. */
    async guard(request: FastifyRequest): Promise<void> {
      const { permission } = request.routeOptions.config
      if (permission === 'public') return
      if (permission === undefined)
        throw new IpbridgeError('internal', 'the route does not say who may call it')
      const caller = await identify(request)
      if (caller === undefined) {
        throw new IpbridgeError('unauthorized', 'sign in, or send a token as `Authorization: Bearer …`')
      }
      if (caller.via === 'session') requireOwnOrigin(request)
      if (!allows(permission, caller.role)) {
        throw new IpbridgeError('forbidden', `the role ${caller.role} may not do this (${permission})`)
      }
      request.caller = caller
    },

    /** Exchanges a token for a session, whose cookie goes with the answer. @throws unauthorized, rate_limited */
    async signIn(request: FastifyRequest, reply: FastifyReply, token: string): Promise<Actor> {
      await refuseTooMany(badSignIns, request, false)
      const opened = tokenPattern.test(token) ? await desk.tokens.openSession(token) : undefined
      if (opened === undefined) {
        await refuseTooMany(badSignIns, request, true)
        throw new IpbridgeError('unauthorized', 'the token is not known, was revoked or has expired')
      }
      reply.setCookie(sessionCookie, opened.session, { ...cookieOptions(request), expires: opened.expiresAt })
      return opened.actor
    },

    async signOut(request: FastifyRequest, reply: FastifyReply): Promise<void> {
      const session = request.cookies[sessionCookie]
      if (session) await desk.tokens.closeSession(session)
      known.clear()
      reply.clearCookie(sessionCookie, cookieOptions(request))
    },

    /** After a revocation, which then is felt at once by this process. */
    forget: () => known.clear(),
  }
}

/** Behind a proxy that ends TLS we see plain HTTP; its word is good enough to make the cookie stricter. */
function cookieOptions(request: FastifyRequest) {
  const secure = request.protocol === 'https' || request.headers['x-forwarded-proto'] === 'https'
  return { path: '/', httpOnly: true, sameSite: 'strict' as const, secure }
}
