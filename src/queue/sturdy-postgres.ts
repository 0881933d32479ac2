import { type BackendFactory, createPostgresBackend, type RedisQueueBackend } from 'bullmq'

/** How long a worker rests on being notified of jobs, in seconds: as long as on Redis. */
const longestWait = 10

/** BullMQ's backend on PostgreSQL, which by itself does not outlast two faults of its connections. */
export const sturdyPostgresBackend = ((...given: Parameters<typeof createPostgresBackend>) => {
  const backend = createPostgresBackend(...given)
  // A connection that is cut off without a word notifies of nothing, and BullMQ would wait on it for an hour.
  Object.defineProperty(backend, 'maximumBlockTimeout', { value: longestWait })
  // A queue or worker that began while PostgreSQL was away would remember that failure, and stay useless for good.
  const { connection } = backend
  const begin = connection.waitUntilReady.bind(connection)
  connection.waitUntilReady = () =>
    begin().catch(error => {
      Object.assign(connection, { readyPromise: undefined })
      throw error
    })
  return backend
}) as unknown as BackendFactory<RedisQueueBackend>
