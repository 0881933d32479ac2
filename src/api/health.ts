import type { FastifyInstance } from 'fastify'
import type { Parts } from './parts.ts'
import { may } from './roles.ts'
import { within } from './within.ts'

/** Longer than this no part may take to answer, in milliseconds. */
const patienceMs = 3_000

/** `/healthz`: the process lives. `/readyz`: it can do its work, or what is missing. Neither needs a token. */
export function serveHealth(app: FastifyInstance, { desk, queues, log }: Parts): void {
  const hidden = { ...may('public'), schema: { hide: true } }

  app.get('/healthz', hidden, async () => ({ status: 'ok' }))

  app.get('/readyz', hidden, async (_request, reply) => {
    const found = await Promise.all([
      examine('database', async () => {
        const pending = await desk.health.pendingMigrations()
        return pending.length === 0
          ? undefined
          : `${pending.length} migrations are missing: run \`ipbridge migrate\``
      }),
      examine('queue', () => queues.ping().then(() => undefined)),
    ])
    const missing = found.flatMap(entry => entry ?? [])
    if (missing.length === 0) return { status: 'ok', missing }
    return reply.code(503).header('retry-after', 5).send({ status: 'unavailable', missing })
  })

  /** @param look gives what is wrong, if anything; what is behind a failure only the log says */
  async function examine(part: string, look: () => Promise<string | undefined>) {
    try {
      const detail = await within(patienceMs, look())
      return detail ? { part, detail } : undefined
    } catch (error) {
      log.warn({ err: error, part }, 'not ready')
      return { part, detail: `the ${part} does not answer` }
    }
  }
}
