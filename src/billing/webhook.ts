import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { isIP } from 'node:net'
import got, { type OptionsInit, RequestError, type Response } from 'got'
import type { OpenSubscriber } from '../db/deliveries.ts'
import type { Delivered, OutgoingEvent } from '../domain/delivery.ts'
import { isPrivateTarget, publicLookup } from './private-targets.ts'

/** Tells a subscriber of an event. Never throws: what went wrong is in what it gives. */
export type Sender = (
  subscriber: OpenSubscriber,
  event: OutgoingEvent,
  signal: AbortSignal,
) => Promise<Delivered>

const answerMs = 20_000

/**
 * Posts an event as a CloudEvent, signed as Standard Webhooks say: over `id.timestamp.body`, once with each
 * secret that is valid. Redirects are not followed, and private networks not reached unless that was allowed.
 */
export const sendWebhook: Sender = async (subscriber, event, signal) => {
  const { hostname } = new URL(subscriber.url)
  const literal = hostname.replace(/^\[|\]$/g, '')
  if (!subscriber.allowPrivate && isIP(literal) !== 0 && isPrivateTarget(literal)) {
    return {
      outcome: 'failed',
      detail: `${literal} is in a private network: set allowPrivate if it shall be reached`,
    }
  }
  const body = JSON.stringify(event)
  const timestamp = Math.floor(Date.now() / 1000)
  const options: OptionsInit = {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'user-agent': 'ipbridge',
      'webhook-id': event.id,
      'webhook-timestamp': `${timestamp}`,
      'webhook-signature': signatures(subscriber.secrets, `${event.id}.${timestamp}.${body}`),
    },
    ...(subscriber.allowPrivate ? {} : { dnsLookup: publicLookup as NonNullable<OptionsInit['dnsLookup']> }),
    timeout: { request: answerMs },
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    signal,
  }
  // What it says beside its status is of no interest, however long it is.
  const stream = got.stream(subscriber.url, options as OptionsInit & { isStream: true })
  // Who says more than it should does so after its answer, when nobody else listens any more.
  stream.on('error', () => undefined)
  try {
    const [response] = (await once(stream, 'response')) as [Response]
    return judge(response.statusCode, response.headers['retry-after'])
  } catch (error) {
    return { outcome: 'failed', detail: reasonOf(error) }
  } finally {
    stream.destroy()
  }
}

/** Space-separated, one for each secret: receivers accept any that they know. */
export function signatures(secrets: readonly string[], content: string): string {
  return secrets
    .map(secret => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'))
    .map(key => `v1,${createHmac('sha256', key).update(content).digest('base64')}`)
    .join(' ')
}

function judge(status: number, retryAfter: string | undefined): Delivered {
  if (status >= 200 && status < 300) return { outcome: 'delivered', status }
  if (status === 410) return { outcome: 'gone', status, detail: 'it wants no more of these' }
  const detail = status >= 300 && status < 400 ? 'redirects are not followed' : `it answered ${status}`
  const retryAfterMs = waitOf(retryAfter)
  return { outcome: 'failed', status, detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

/** `Retry-After`, in seconds or as a date; no more than a day of it is honoured. */
function waitOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now()
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, 86_400_000) : undefined
}

function reasonOf(error: unknown): string {
  if (!(error instanceof RequestError)) return error instanceof Error ? error.message : String(error)
  if (error.code === 'ETIMEDOUT') return `no answer within ${answerMs / 1000} seconds`
  if (error.code === 'EPRIVATE') return `${error.message}: set allowPrivate if it shall be reached`
  return error.message
}
