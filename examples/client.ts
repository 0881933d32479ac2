// A TypeScript billing core sends an event and waits for the address:
//
//   IPBRIDGE_URL=http://127.0.0.1:3000 IPBRIDGE_TOKEN=ipb_… node dist/examples/client.js
//
// In your own project, import from 'ipbridge'.
import { createClient, event } from '../src/client.ts'

const client = createClient({
  url: process.env['IPBRIDGE_URL'] ?? 'http://127.0.0.1:3000',
  token: process.env['IPBRIDGE_TOKEN'] ?? '',
})
const service = { id: '10542', kind: 'vps', client: 'c-77', domain: 'web1.example.net', server: 'node1' }
const { events } = await client.send(event('service.created', '/billing/eu', { service }), { wait: 30 })
console.log(JSON.stringify(events, null, 2))
