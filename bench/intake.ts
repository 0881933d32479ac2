import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createApp } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'
import { freePort } from '../src/db/embedded/free-port.ts'
import type { Actor } from '../src/desk/actor.ts'
import { createLog } from '../src/log.ts'
import { serviceCreated } from './end-to-end.ts'
import { type Stage, stop } from './stage.ts'

const bench: Actor = { name: 'bench', role: 'admin' }
const clients = 50

/** Events that an API process takes in over HTTP, one to a request and a hundred to a request. Nobody works on them. */
export async function intake(stage: Stage, count: number) {
  const app = await createApp(loadConfig(stage.env), createLog('warn'))
  const { token } = await app.desk.tokens.add(bench, { name: 'bench', role: 'billing' })
  await app.desk.servers
    .add(bench, { name: 'node1', panel: 'none', connection: 'builtin' })
    .catch(() => undefined)
  await app.close()
  const port = await freePort()
  const api = stage.spawn(['api'], { PORT: `${port}` })
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const post = (body: string) => send({ port, token, agent, body })
  try {
    await untilUp(port)
    await rate(500, 1, 'http-warm', post)
    const singlePerSecond = await rate(count, 1, 'single', post)
    const batchPerSecond = await rate(count * 4, 100, 'batch', post)
    return { singlePerSecond, batchPerSecond }
  } finally {
    agent.destroy()
    await stop(api)
  }
}

async function rate(
  count: number,
  size: number,
  run: string,
  post: (body: string) => Promise<void>,
): Promise<number> {
  let next = 0
  const begun = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < count) {
        const first = next
        next += size
        const batch = Array.from({ length: size }, (_, n) => serviceCreated(`${run}-${first + n}`))
        await post(JSON.stringify(size === 1 ? batch[0] : batch))
      }
    }),
  )
  return Math.round(count / ((performance.now() - begun) / 1000))
}

function send(options: { port: number; token: string; agent: Agent; body: string }): Promise<void> {
  const { port, token, agent, body } = options
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  }
  return new Promise((resolve, reject) => {
    const call = request(
      { port, host: '127.0.0.1', path: '/api/v1/events', method: 'POST', agent, headers },
      response => {
        response.resume()
        response.once('end', () => {
          if (response.statusCode === 202) resolve()
          else reject(new Error(`the API answered ${response.statusCode}`))
        })
      },
    )
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
