// A billing core that speaks BullMQ needs nothing of ipbridge: it adds a job to the queue `billing-events`, named
// as the event's type, with the CloudEvent as its data.
//
//   REDIS_URL=redis://127.0.0.1:6379 node dist/examples/producer.js
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'

const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379', { maxRetriesPerRequest: 1 })
const queue = new Queue('billing-events', { connection: redis, prefix: process.env['PREFIX'] ?? 'bull' })

const id = process.env['EVENT_ID'] ?? 'order-88123'
const service = { id: '10542', kind: 'vps', client: 'c-77', domain: 'web1.example.net', server: 'node1' }
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
redis.disconnect()
