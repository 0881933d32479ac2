import { expect } from 'vitest'
import { billmanager } from '../../../src/billing/billmanager/driver.ts'
import { sendWebhook } from '../../../src/billing/webhook.ts'
import { outgoingEvent } from '../../../src/domain/delivery.ts'
import { startBillmanager } from '../../../src/simulators/billmanager/start.ts'
import { startReceiver } from '../../helpers/receiver.ts'
import { canary } from '../door.ts'
import type { Subject, Through } from './subject.ts'

const subscriber = { id: '1', name: 'main', allowPrivate: true, tls: {}, updatedAt: new Date(), options: {} }

/** BILLmanager: its lists of services, and what is written back to it. */
export async function billmanagerSubject(through: Through): Promise<Subject> {
  const panel = await startBillmanager()
  const login = { login: 'ipbridge', secrets: ['ipbridge-password'] }
  const core = () => billmanager({ ...subscriber, ...login, kind: 'billmanager', url: through(panel.url) })
  const service = panel.billing.order({
    domain: 'a.example.net',
    slots: [{ main: true }, { type: 'Public IPv4' }],
  })
  const tell = (type: string, data: object, signal: AbortSignal) =>
    core().tell(
      outgoingEvent({ uid: 'u', type, service, data: { service, ...data }, at: new Date() }),
      signal,
    )
  const address = { slot: 'main', address: '192.0.2.7', ptr: 'a.example.net' }
  return {
    secrets: login.secrets,
    calls: {
      count: signal => core().count(signal),
      async services(signal) {
        for await (const found of core().services(() => {}, signal)) expect(found.id).toBeTypeOf('string')
      },
      check: signal => core().check(signal),
      'tell of an address': signal => tell('address.assigned', address, signal),
      'tell of a PTR': signal => tell('ptr.updated', { ...address, ptr: 'b.example.net' }, signal),
      'tell of a release': signal => tell('address.released', address, signal),
    },
    close: () => panel.stop(),
  }
}

/** Whoever is told by webhook: whatever it answers, the message was delivered or was not. */
export async function webhookSubject(through: Through): Promise<Subject> {
  const receiver = await startReceiver()
  const secret = `whsec_${Buffer.from(`${canary}-${'x'.repeat(20)}`).toString('base64')}`
  const event = outgoingEvent({ uid: 'u', type: 'address.assigned', service: 's', data: {}, at: new Date() })
  return {
    secrets: [canary, secret],
    calls: {
      async send(signal) {
        const hook = {
          ...subscriber,
          kind: 'webhook',
          login: undefined,
          secrets: [secret],
          url: through(receiver.url),
        }
        const told = await sendWebhook(hook, event, signal)
        expect(['delivered', 'failed', 'gone']).toContain(told.outcome)
        expect(JSON.stringify(told)).not.toContain(canary)
      },
    },
    close: () => receiver.stop(),
  }
}
