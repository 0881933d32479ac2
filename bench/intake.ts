import { Agent } from 'node:http'
import { createApp } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'
import { freePort } from '../src/db/embedded/free-port.ts'
import type { Actor } from '../src/desk/actor.ts'
import { createLog } from '../src/log.ts'
import { postEvents, type Target, untilUp } from './api-client.ts'
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
  const post = (body: string) => send({ port, token, agent }, body)
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

async function send(target: Target, body: string): Promise<void> {
  const { status } = await postEvents(target, body)
  if (status !== 202) throw new Error(`the API answered ${status}`)
}
