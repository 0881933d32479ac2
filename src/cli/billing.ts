import type { Command } from 'commander'
import { billingChange, billingInput, replayInput } from '../desk/schemas.ts'
import { addDeliveriesCommand } from './deliveries.ts'
import { createGroup } from './group.ts'

/** How long "test billing" may take. */
const testMs = 30_000

/** `billing`: billing cores that are told in their own way, such as BILLmanager. */
export function addBillingCommands(program: Command): void {
  const group = createGroup(program, 'billing', 'billing cores that addresses are written back to')
  group.list('list billing cores by name', {}, ({ app }, query) => app.desk.billings.list(query), {
    NAME: item => item.name,
    KIND: item => item.kind,
    URL: item => item.url,
    LOGIN: item => item.login,
    STATE: item => item.state,
    'DISABLED BECAUSE': item => item.disabledReason,
  })
  group.show('name', 'show a billing core, without its secrets', ({ app }, name) =>
    app.desk.billings.show(name),
  )
  group.add('add a billing core', billingInput, ({ app, actor, reason }, input) =>
    app.desk.billings.add(actor, input, reason),
  )
  group.change(
    'change',
    'name',
    'change the fields that are given; all others stay as they are',
    billingChange,
    ({ app, actor, reason }, name, input) => app.desk.billings.change(actor, name, input, reason),
  )
  group.act('remove', 'name', 'remove billing cores', 'is removed', ({ app, actor, reason }, name) =>
    app.desk.billings.remove(actor, name, reason),
  )
  group.test('say what works with a billing core, and what does not', ({ app, signal }, name) =>
    app.desk.billings.test(name, AbortSignal.any([signal, AbortSignal.timeout(testMs)])),
  )
  group.change(
    'replay',
    'name',
    'tell it once more what it was told, or what failed',
    replayInput,
    ({ app, actor, reason }, name, input) => app.desk.billings.replay(actor, name, input, reason),
  )
  addDeliveriesCommand(group, 'a billing core', ({ app }, query, name) =>
    app.desk.billings.deliveries(name, query),
  )
}
