import { randomBytes } from 'node:crypto'
import { takeSnapshot } from '../../../src/db/snapshot.ts'
import type { EventInput } from '../../../src/domain/events.ts'
import type { GuestPanel } from '../../../src/simulators/guests/start.ts'
import { startVmmanager5 } from '../../../src/simulators/vmmanager5/start.ts'
import { admin } from '../../helpers/api.ts'
import { joinTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { billAccounts, type Ipmanager, startIpmanager } from '../../helpers/ipmanager.ts'
import { panelWith } from '../../helpers/ipmanager-app.ts'
import { until } from '../../helpers/until.ts'

/** What a customer has: as billing, the IPAM and the guests see it. */
export interface Living {
  service: string
  slot: string
  address: string
  ptr: string
  server: string
}

/** An ipbridge whose IPAM and panels outlive its database. */
export async function startOutside() {
  const ipam = await startIpmanager(panelWith('10.0.0.0/24'))
  const panels = { node1: await startVmmanager5(), node2: await startVmmanager5() }
  return {
    ipam,
    panels,
    async stop() {
      await Promise.all([ipam.stop(), panels.node1.stop(), panels.node2.stop()])
    },
  }
}

export type Outside = { ipam: Ipmanager; panels: Record<string, GuestPanel> }

/** ipbridge on some database, with the queue that the tests are about. */
export function openApp(env: Record<string, string>, work: false | object) {
  return joinTestApp({ env } as TestApp, { work })
}

/** Connects IPAM and panels. */
export async function furnish(app: Pick<TestApp, 'desk'>, { ipam, panels }: Outside): Promise<void> {
  await app.desk.connections.add(admin, {
    name: 'ipm',
    driver: 'ipmanager',
    url: ipam.url,
    ...billAccounts,
    options: { reconcile: { firstPtrs: 'as-usual' } },
  })
  for (const [name, { url }] of Object.entries(panels)) {
    await app.desk.servers.add(admin, {
      name,
      panel: 'vmmanager5',
      url,
      login: 'admin',
      password: 'panel-password',
      connection: 'ipm',
      options: { setup: { preset: 'KVM-1', vmi: 'Debian-12' }, patienceSeconds: 0 },
    })
  }
}

type Ipbridge = Pick<TestApp, 'db' | 'desk' | 'intake'>

/** Tells ipbridge something and waits until that is done. */
export async function tell(app: Ipbridge, ...inputs: EventInput[]): Promise<void> {
  const receipts = await app.intake.accept(inputs, 'api')
  await untilDone(
    app,
    receipts.flatMap(receipt => receipt.operations),
  )
}

async function untilDone({ desk }: Ipbridge, ids: string[]): Promise<void> {
  await until('it is done', async () =>
    (await desk.operations.standing(ids)).every(({ state }) => ['done', 'superseded'].includes(state)),
  )
}

export async function mainAddress({ desk }: Ipbridge, service: string): Promise<string> {
  return (
    (await desk.services.show(admin, service)).addresses.find(({ slot }) => slot === 'main')?.address ?? ''
  )
}

/** What services have, by the ledger. */
export async function living({ db }: Ipbridge): Promise<Living[]> {
  return db.$queryRaw<Living[]>`
    select a.service_id as service, a.slot, host(a.address) as address, a.ptr, v.name as server
    from assignment a join service s on s.id = a.service_id join server v on v.id = s.server_id
    where a.state = 'active' order by 1, 2`
}

/** The day before the dump. @returns events of which nothing has come yet when the dump is made */
export async function liveUntilDump(app: Ipbridge): Promise<void> {
  for (const id of ['keeps', 'renames', 'orders', 'cancels', 'ends', 'moves']) {
    await tell(app, events.created({ id, server: 'node1' }))
  }
  await tell(app, events.ordered('cancels', 'c1'))
}

/**
 * The hour that will be lost: services come and go, and one gets the address of one that has gone.
 * @returns what billing said in it
 */
export async function liveOn(app: Ipbridge, { panels }: Outside): Promise<EventInput[]> {
  const said: EventInput[] = []
  const say = async (event: EventInput) => {
    said.push(event)
    await tell(app, event)
  }
  const removeGuest = async (service: string) => {
    const { guest, server } = await app.desk.services.show(admin, service)
    panels[server ?? '']?.books.remove(guest ?? '')
  }
  await say(events.ptrChanged(await mainAddress(app, 'renames'), 'mail.example.org'))
  await say(events.ordered('orders', 'x1'))
  await say(events.cancelled('cancels', { order: 'c1' }))
  const freed = await mainAddress(app, 'ends')
  await removeGuest('ends')
  await say(events.deleted('ends'))
  await say(
    events.created(
      { id: 'inherits', server: 'node1' },
      { addresses: [{ family: 'ipv4', requested: freed }] },
    ),
  )
  for (const id of ['begins-1', 'begins-2', 'passes']) await say(events.created({ id, server: 'node1' }))
  await removeGuest('passes')
  await say(events.deleted('passes'))
  await say(events.created({ id: 'moves', server: 'node2' }))
  return said
}

/** Billing's list of live services, as a CSV file for an import. */
export function asCsv(rows: readonly Living[]): string {
  const lines = rows.map(({ service, slot, address, ptr, server }) =>
    [
      service,
      'vps',
      'client-1',
      `${service}.example.net`,
      server,
      '',
      address,
      ptr,
      /^order:(.*)\//.exec(slot)?.[1] ?? '',
    ].join(','),
  )
  return `${['service,kind,client,domain,server,guest,address,ptr,order', ...lines].join('\n')}\n`
}

/** What somebody lives with and the outside does not have, or not as it should be; nothing where all is well. */
export function missed({ ipam, panels }: Outside, rows: readonly Living[]): string[] {
  return rows.flatMap(({ service, address, ptr, server }) => {
    const record = ipam.books.look(address)
    const guests = Object.entries(panels).flatMap(([name, panel]) =>
      panel.books.guests().flatMap(guest => (guest.addresses.some(({ ip }) => ip === address) ? [name] : [])),
    )
    return [
      ...(record?.status === 'used' ? [] : [`${address} of ${service} is free`]),
      ...(record?.domain === `${ptr}.`
        ? []
        : [`${address} of ${service} is named ${record?.domain}, not ${ptr}`]),
      ...(guests.join() === server
        ? []
        : [`${address} of ${service} is on ${guests.join(' and ') || 'no guest'}`]),
    ]
  })
}

export const snapshot = (app: Pick<TestApp, 'db' | 'ipams'>) => takeSnapshot(app.db, app.ipams.driver)

/** A name for a database that nobody else has. */
export const newName = () => `ipbridge_${randomBytes(4).toString('hex')}`
