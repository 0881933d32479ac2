import type { Command } from 'commander'
import { z } from 'zod'
import { replayInput, webhookChange, webhookInput } from '../desk/schemas.ts'
import { addDeliveriesCommand } from './deliveries.ts'
import { createGroup } from './group.ts'

/** How long "test webhook" may take. */
const testMs = 25_000

/** `webhook`: who is told of what happens, and what became of the messages. */
export function addWebhookCommands(program: Command): void {
  const group = createGroup(program, 'webhook', 'who is told of what happens')
  group.list('list webhooks by name', {}, ({ app }, query) => app.desk.webhooks.list(query), {
    NAME: item => item.name,
    URL: item => item.url,
    TYPES: item => item.types,
    STATE: item => item.state,
    'DISABLED BECAUSE': item => item.disabledReason,
  })
  group.show('name', 'show a webhook, without its secret', ({ app }, name) => app.desk.webhooks.show(name))
  group.add('add a webhook; its secret is shown this once', webhookInput, ({ app, actor, reason }, input) =>
    app.desk.webhooks.add(actor, input, reason),
  )
  group.change(
    'change',
    'name',
    'change the fields that are given; all others stay as they are',
    webhookChange,
    ({ app, actor, reason }, name, input) => app.desk.webhooks.change(actor, name, input, reason),
  )
  group.act('remove', 'name', 'remove webhooks', 'is removed', ({ app, actor, reason }, name) =>
    app.desk.webhooks.remove(actor, name, reason),
  )
  group.test('send a test message at once', async ({ app, signal }, name) => {
    const result = await app.desk.webhooks.test(name, AbortSignal.any([signal, AbortSignal.timeout(testMs)]))
    return { ok: result.outcome === 'delivered', ...result }
  })
  group.change(
    'rotate',
    'name',
    'make a new secret and show it this once; for a day both are valid',
    z.strictObject({}),
    ({ app, actor, reason }, name) => app.desk.webhooks.rotate(actor, name, reason),
  )
  group.change(
    'replay',
    'name',
    'send messages once more',
    replayInput,
    ({ app, actor, reason }, name, input) => app.desk.webhooks.replay(actor, name, input, reason),
  )
  addDeliveriesCommand(group, 'a webhook', ({ app }, query, name) =>
    app.desk.webhooks.deliveries(name, query),
  )
}
