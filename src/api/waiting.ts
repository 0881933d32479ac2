import type { FastifyReply } from 'fastify'
import type { Parts } from './parts.ts'

/**
 * Waits until the operations rest: they have ended or are parked. Gives up when the time is over, when the
 * caller has gone, and when the server closes.
 */
export async function rest(
  { desk, closing }: Parts,
  operations: string[],
  seconds: number,
  reply: FastifyReply,
): Promise<void> {
  const giveUp = new AbortController()
  const stop = () => giveUp.abort()
  closing.addEventListener('abort', stop)
  reply.raw.once('close', stop)
  if (closing.aborted) stop()
  try {
    await desk.operations.settled(operations, seconds * 1000, giveUp.signal)
  } catch (error) {
    if (!giveUp.signal.aborted) throw error
  } finally {
    closing.removeEventListener('abort', stop)
    reply.raw.removeListener('close', stop)
  }
}
