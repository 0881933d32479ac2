import type { Job, Queue } from 'bullmq'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { IpbridgeError } from '../../errors.ts'
import { allQueues, operationOfJob } from '../../queue/names.ts'
import type { Caller } from '../auth.ts'
import type { Parts } from '../parts.ts'

type Action = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

export interface BoardParams {
  queueName?: string
  jobId?: string
  queueStatus?: string
}

const why = 'asked for in the queue dashboard'

/** So many failed jobs are retried at once. */
const retriedAtOnce = 8

/** More failed jobs than a queue of operations keeps (src/queue/announcer.ts). */
const mostFailed = 10_000

/**
 * What the dashboard may change, by method and path. We do it ourselves, so that nothing else that the
 * dashboard offers can get through, and each change is in the audit.
 */
export function boardActions({ desk, queues }: Parts): Record<string, Action> {
  function queueOf(request: FastifyRequest): Queue {
    const { queueName = '' } = request.params as BoardParams
    if (allQueues.includes(queueName)) return queues.queue(queueName)
    throw new IpbridgeError('not_found', `there is no queue ${queueName}`)
  }

  async function jobOf(request: FastifyRequest): Promise<{ queue: Queue; job: Job }> {
    const queue = queueOf(request)
    const { jobId = '' } = request.params as BoardParams
    const job = await queue.getJob(jobId)
    if (job) return { queue, job }
    throw new IpbridgeError('not_found', `there is no job ${jobId} in the queue ${queue.name}`)
  }

  const record = (caller: Caller, action: string, queue: string, change: Record<string, unknown> = {}) =>
    desk.journals.record(caller, { action, subject: `queue:${queue}`, reason: why, change })

  /**
   * An operation is retried, rather than its job: then it can be claimed again, a new job announces it, and the
   * failed one is removed. Other jobs, such as events, are run again as they are.
   * @throws wrong_state where the operation has ended otherwise or runs
   */
  async function retry(caller: Caller, queue: Queue, job: Job): Promise<void> {
    const operation = operationOfJob(job.data)
    if (operation === undefined) await job.retry('failed', { resetAttemptsMade: true })
    else await desk.operations.retry(caller, operation, why)
    await record(caller, 'queue.retry', queue.name, { job: job.id, ...(operation ? { operation } : {}) })
  }

  async function retryJob(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { queue, job } = await jobOf(request)
    const state = await job.getState()
    if (state !== 'failed') {
      throw new IpbridgeError('wrong_state', `job ${job.id} is ${state}; only failed jobs can be retried`)
    }
    await retry(request.caller, queue, job)
    return reply.code(204).send()
  }

  async function retryAll(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const queue = queueOf(request)
    const { queueStatus } = request.params as BoardParams
    if (queueStatus !== 'failed') {
      throw new IpbridgeError('wrong_state', `only failed jobs can be retried, not ${queueStatus} ones`)
    }
    const jobs = await queue.getJobs(['failed'], 0, mostFailed - 1)
    const counts = { retried: 0, skipped: 0 }
    for (let first = 0; first < jobs.length; first += retriedAtOnce) {
      const some = jobs.slice(first, first + retriedAtOnce).map(job => retry(request.caller, queue, job))
      for (const { status } of await Promise.allSettled(some)) {
        counts[status === 'fulfilled' ? 'retried' : 'skipped'] += 1
      }
    }
    return reply.send(counts)
  }

  async function promoteJob(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { queue, job } = await jobOf(request)
    const state = await job.getState()
    if (state !== 'delayed') {
      throw new IpbridgeError('wrong_state', `job ${job.id} is ${state}; only delayed jobs can be promoted`)
    }
    await job.promote()
    await record(request.caller, 'queue.promote', queue.name, { job: job.id })
    return reply.code(204).send()
  }

  async function promoteAll(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const queue = queueOf(request)
    await queue.promoteJobs()
    await record(request.caller, 'queue.promote', queue.name)
    return reply.send({})
  }

  const switchTo = (action: 'pause' | 'resume', some: (request: FastifyRequest) => Queue[]): Action => {
    return async (request, reply) => {
      for (const queue of some(request)) {
        await queue[action]()
        await record(request.caller, `queue.${action}`, queue.name)
      }
      return reply.send({})
    }
  }
  const one = (request: FastifyRequest) => [queueOf(request)]
  const all = () => allQueues.map(name => queues.queue(name))

  return {
    'PUT /api/queues/:queueName/:jobId/retry': retryJob,
    'PUT /api/queues/:queueName/retry/:queueStatus': retryAll,
    'PUT /api/queues/:queueName/:jobId/promote': promoteJob,
    'PUT /api/queues/:queueName/promote': promoteAll,
    'PUT /api/queues/:queueName/pause': switchTo('pause', one),
    'PUT /api/queues/:queueName/resume': switchTo('resume', one),
    'PUT /api/queues/pause': switchTo('pause', all),
    'PUT /api/queues/resume': switchTo('resume', all),
  }
}

/** Everything else that the dashboard offers: adding, editing, removing, cleaning, limits, schedules. */
export async function refuseAction(): Promise<never> {
  throw new IpbridgeError(
    'forbidden',
    'the dashboard can retry failed jobs, promote delayed ones, pause and resume; jobs are made and removed by ipbridge alone',
  )
}
