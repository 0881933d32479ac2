import { type Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** Where events are sent, and as whom. */
export interface Target {
  port: number
  token: string
  agent: Agent
}

/** What an API answered, and after how many seconds it wants to be asked again. */
export interface Answer {
  status: number
  retryAfter: number
}

/**
 * Sends events: with as little of our own work as can be, since client and API share the machine that is measured.
 * @param options.timeoutMs how long an answer may take; default: as long as it likes
 * @throws where no answer comes
 */
export function postEvents(
  { port, token, agent }: Target,
  body: string,
  { timeoutMs }: { timeoutMs?: number } = {},
): Promise<Answer> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  }
  const place = { port, host: '127.0.0.1', path: '/api/v1/events', method: 'POST' }
  return new Promise((resolve, reject) => {
    const call = request(
      { ...place, agent, headers, ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }) },
      response => {
        response.resume()
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: Number(response.headers['retry-after'] ?? 1),
          }),
        )
        response.once('error', reject)
      },
    )
    call.once('timeout', () => call.destroy(new Error('timeout')))
    call.once('error', reject)
    call.end(body)
  })
}

/** Waits until the API answers. */
export async function untilUp(port: number): Promise<void> {
  for (let tries = 0; tries < 1_200; tries++) {
    const up = await fetch(`http://127.0.0.1:${port}/healthz`).then(
      answer => answer.ok,
      () => false,
    )
    if (up) return
    await sleep(50)
  }
  throw new Error('the API did not come up within a minute')
}
