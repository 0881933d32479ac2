import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EventInput } from '../../../src/domain/events.ts'
import { type Billing, createBilling } from '../../chaos/billing.ts'
import type { Saying } from '../../chaos/sayings.ts'
import { until } from '../../helpers/until.ts'
import { createRandom } from '../../simulation/random.ts'

describe('Billing, as chaos plays it', () => {
  /** Answers to events that it still waits for. */
  let held: ServerResponse[]
  let holds: boolean
  let server: Server
  let billing: Billing | undefined

  beforeEach(async () => {
    held = []
    holds = true
    server = createServer((request, response) => {
      if (request.method === 'POST') hear(response)
      else response.end(JSON.stringify({ addresses: [{ address: '192.0.2.1', state: 'active' }] }))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  })
  afterEach(async () => {
    await billing?.finish()
    holds = false
    for (const response of held) hear(response)
    await until('all is said', () => billing?.underWay === 0)
    server.close()
  })

  function hear(response: ServerResponse): void {
    if (holds) held.push(response)
    else response.end(JSON.stringify({ events: [{ operations: [] }] }))
  }

  const said = { specversion: '1.0', source: '/billing', time: new Date(0).toISOString() } as const
  const deleted = { ...said, id: 'e1', type: 'service.deleted', data: { service: 's1' } } as const
  const cancelled = (address: string): EventInput => ({
    ...said,
    id: 'e2',
    type: 'ip.cancelled',
    data: { service: 's1', address },
  })
  const cancelsByAddress: Saying = { about: 's1', say: cancelled, whenHeard: true }

  function speak(first: Saying): readonly { event: EventInput }[] {
    let count = 0
    const { port } = server.address() as AddressInfo
    billing = createBilling({
      urls: [`http://127.0.0.1:${port}`],
      token: 'token',
      random: createRandom(1),
      next: () => (count++ === 0 ? first : cancelsByAddress),
      perSecond: 50,
    })
    return billing.account
  }

  it('cancels no address while it does not know whether all that it said before was heard', async () => {
    const account = speak({ event: deleted })
    await until('the first event has come', () => held.length === 1)
    const asked = performance.now()
    await until('it wanted to speak several times', () => performance.now() > asked + 200)
    expect(account.map(({ event }) => event.id)).toEqual(['e1'])
    holds = false
    for (const response of held) hear(response)
    await until('it cancels the address', () => account.some(({ event }) => event.id === 'e2'))
  })
})
