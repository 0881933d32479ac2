import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { Desk } from '../desk/desk.ts'
import type { Intake } from '../intake/intake.ts'
import type { Log } from '../log.ts'
import type { QueueBackend } from '../queue/backend.ts'
import type { Auth } from './auth.ts'

/** What the API stands on. */
export interface ApiPorts {
  desk: Desk
  intake: Intake
  queues: QueueBackend
  log: Log
}

/** What routes are given. */
export interface Parts extends ApiPorts {
  auth: Auth
  /** Aborted when the server is about to close: whoever waits is answered with what is known by then. */
  closing: AbortSignal
}

export type Routes = (parts: Parts) => FastifyPluginAsyncZod
