// The same as producer.ts, for an ipbridge whose queue rides in PostgreSQL (REDIS_URL is not set there): a plain
// BullMQ producer on the same database.
//
//   DATABASE_URL=postgres://user:password@host:5432/ipbridge node dist/examples/producer-postgres.js
import { createPostgresBackend, withBackend } from 'bullmq'

const { Queue } = withBackend(createPostgresBackend)
const connectionString = process.env['DATABASE_URL'] ?? 'postgres://ipbridge@127.0.0.1:5432/ipbridge'
const queue = new Queue('billing-events', { connection: { connectionString, max: 2 } })

const id = process.env['EVENT_ID'] ?? 'order-88124'
const service = { id: '10543', kind: 'vps', client: 'c-77', domain: 'web2.example.net', server: 'node1' }
const cloudEvent = {
  specversion: '1.0',
  id,
  source: '/billing/eu',
  type: 'service.created',
  time: new Date().toISOString(),
  data: { service },
}
const job = await queue.add(cloudEvent.type, cloudEvent, { removeOnComplete: 1_000 })
console.log(`job ${job.id} is on its way`)
await queue.close()
