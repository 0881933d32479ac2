import { takeSnapshot } from '../../src/db/snapshot.ts'
import type { EventInput } from '../../src/domain/events.ts'
import { checkInvariants } from '../../src/domain/invariants.ts'
import type { Memory } from '../../src/simulators/remember.ts'
import { admin } from '../helpers/api.ts'
import { startTestApp } from '../helpers/app.ts'
import { events } from '../helpers/events.ts'
import { until } from '../helpers/until.ts'
import { startBilling } from './billing.ts'
import type { IpamSubject } from './ipams.ts'
import { type LedgerMemory, openLedger } from './ledger.ts'
import { none, type PanelRig, type PanelSubject } from './panels.ts'
import { samenessOf, textOf, withoutIds } from './sameness.ts'
import { watchProcess } from './watch.ts'
import { createWorker, type Worker } from './worker.ts'

export type World = Awaited<ReturnType<typeof createWorld>>

/** What a death leaves: the ledger, the systems outside, and which of those who asked for something have an answer. */
export interface Moment {
  ledger: LedgerMemory
  outside: Memory[]
  outsideText: string
  answered: readonly string[]
  /** Moments of which this is the same go on in the same way. */
  sameness: string
}

/** A moment at which something has just had its effect, and what that was. */
export interface Point {
  what: string
  moment: Moment
}

/** One life of a process, from its start until it has nothing left to do. */
export interface Life {
  worker: Worker
  world: World
  /** Asks for something; who has been answered does not ask again in a later life. */
  once(what: string, ask: () => Promise<unknown>): Promise<void>
  /** Works until nothing is left to do. */
  drain(): Promise<void>
  /** Tells billing everything that it has to be told. */
  deliver(): Promise<void>
}

export type Way = (life: Life) => Promise<void>

/** Nobody waits for a lease, or for the time of the next try. */
const timePasses = `
  update operation set lease_until = now() where state = 'running';
  update turn set until = null, holder = null where until is not null;
  update delivery set lease_until = null, next_at = now() where state = 'pending'`

const nextToDo = `select id, state from operation where state in ('queued', 'waiting') order by state, seq limit 1`

const untold = `
  select from outbox o, subscriber s
  where not exists (
    select from delivery d where d.message_id = o.id and d.subscriber_id = s.id and d.state <> 'pending') limit 1`

/**
 * A ledger, an IPAM and three servers: two of one kind whose addresses come from everywhere, and one without a panel
 * that has a pool of its own. One thing happens after the other, so that a life always goes the same way.
 */
export async function createWorld(ipam: IpamSubject, panel: PanelSubject) {
  const points: Point[] = []
  let answered: readonly string[] = []
  let latest: Moment | undefined
  const watch = watchProcess(notice)
  const rig = await ipam.start(watch)
  const panels: Record<string, PanelRig> = {
    node1: await panel.start(watch),
    node2: await panel.start(watch),
    node3: await none.start(watch),
  }
  const panelDrivers: Parameters<typeof createWorker>[1]['panels'] = Object.fromEntries(
    Object.values(panels).map(({ server }) => [
      server.panel,
      server => panels[server.name]?.factory(server) as ReturnType<PanelRig['factory']>,
    ]),
  )
  const app = await startTestApp({ work: false, ipamDrivers: rig.drivers, panelDrivers })
  // The server itself does not die here, so nothing needs to reach the disk.
  const name = new URL(app.database.url).pathname.slice(1)
  await app.db.$executeRawUnsafe(`alter database ${name} set synchronous_commit = off`)
  await app.db.$disconnect()
  await rig.enter(app)
  const { connection } = rig
  for (const [server, { server: fields }] of Object.entries(panels)) {
    const options = server === 'node3' ? { options: { pools: ['other'] } } : {}
    await app.desk.servers.add(admin, { name: server, connection, ...fields, ...options })
  }
  const ledger = await openLedger(app.database.url)
  const billing = await startBilling()
  const others = [rig, billing, ...Object.values(panels)]
  const outside = () => others.map(each => each.remember())
  const beginning = await remember()

  async function notice(what: string, where: 'ledger' | 'outside'): Promise<void> {
    const around = outside()
    if (where === 'outside' && textOf(around.map(({ all }) => all)) === latest?.outsideText) return
    const moment = await remember(around)
    if (moment.sameness !== latest?.sameness) points.push({ what, moment })
    latest = moment
  }

  async function remember(around = outside()): Promise<Moment> {
    const rows = await ledger.remember()
    const outsideText = textOf(around.map(({ all }) => all))
    const sameness = samenessOf(rows, [outsideText, answered])
    return { ledger: rows, outside: around, outsideText, answered, sameness }
  }

  async function recall(moment: Moment): Promise<void> {
    await ledger.recall(moment.ledger)
    for (const { recall } of moment.outside) recall()
    answered = moment.answered
    latest = moment
    await ledger.query(timePasses)
  }

  async function drain({ operations, runner }: Worker): Promise<void> {
    await operations.recover()
    for (let rounds = 0; rounds < 50; rounds++) {
      const [next] = (await ledger.query(nextToDo)).rows
      if (next === undefined) return
      await ledger.query(
        `update operation set state = 'queued' where id = '${next.id}' and state = 'waiting'`,
      )
      await runner.run(next.id)
    }
    throw new Error('there is no end to it')
  }

  /** The outbox holds back while other transactions run, of whatever database. */
  async function deliver({ deliverer }: Worker): Promise<void> {
    const isTold = async () => {
      await deliverer.round()
      return (await ledger.query(untold)).rowCount === 0
    }
    await until('billing was told everything', isTold, 120_000)
  }

  const world = {
    app,
    ipam,
    rig,
    panels,
    billing,
    missed: watch.missed,

    /** Billing tells of a service: with a guest that people made, where the panel makes none by itself. */
    async created(
      service: Partial<Parameters<typeof events.created>[0]> & { id: string },
      more: Parameters<typeof events.created>[1] = {},
    ): Promise<EventInput> {
      const { setup, addGuest } = panels[service.server ?? 'node1'] as PanelRig
      const guest = await addGuest?.()
      return events.created({ setup, ...(guest ? { guest } : {}), ...service }, more)
    },

    /** Everything as it was in the beginning. */
    async reset(): Promise<void> {
      await recall(beginning)
    },

    /** Goes a way to its end without anybody watching. */
    async settle(way: Way): Promise<void> {
      await go(way)
      answered = []
    },

    remember,

    /**
     * Puts a moment back, starts anew, and goes to the end.
     * @param proves whether statements that seem to read only must prove it
     * @returns what happened on the way, and the end
     */
    async live(from: Moment, way: Way, proves = false): Promise<{ points: Point[]; end: Moment }> {
      await recall(from)
      points.length = 0
      await watch.during(() => go(way), proves)
      return { points: [...points], end: await remember() }
    },

    /** What is wrong, by the invariants. */
    async violations() {
      return checkInvariants(await takeSnapshot(app.db, app.ipams.driver), { quiet: true })
    },

    /** How everything ended, without what differs from one time to the next: ids and times. */
    async outcome(): Promise<unknown> {
      const { rows } = await ledger.query(outcomeQuery)
      const around = outside().map(({ all }) => withoutIds(textOf(all)))
      return { ...JSON.parse(withoutIds(JSON.stringify(rows[0]?.outcome))), around }
    },

    async shutDown(): Promise<void> {
      watch.stop()
      await ledger.close()
      await app.shutDown()
      await Promise.all(others.map(each => each.stop()))
    },
  }

  async function go(way: Way): Promise<void> {
    const worker = createWorker(app, { ipams: rig.drivers, panels: panelDrivers })
    try {
      await way({
        worker,
        world,
        drain: () => drain(worker),
        deliver: () => deliver(worker),
        async once(what, ask) {
          if (answered.includes(what)) return
          await ask()
          answered = [...answered, what]
        },
      })
    } finally {
      worker.close()
    }
  }

  return world
}

const outcomeQuery = `
  select jsonb_build_object(
    'services', (select jsonb_agg(jsonb_build_array(id, state, guest) order by id) from service),
    'assignments', (
      select jsonb_agg(jsonb_build_array(service_id, slot, family, state, host(address), ptr, conflicts) order by service_id, slot, created_at, id)
      from assignment),
    'operations', (select jsonb_agg(jsonb_build_array(kind, state, service_id) order by kind, state, service_id) from operation),
    -- Who dies while a machine starts cannot know whether it has read its new address, and says that it will.
    'told', (
      select jsonb_agg(jsonb_build_array(type, service_id, data) order by type, service_id, data)
      from (select type, service_id, replace(data::text, '"on reboot"', '"now"')::jsonb as data from outbox) o),
    'plans', (select jsonb_agg(jsonb_build_array(state, counts) order by id) from reconciliation),
    'findings', (
      select jsonb_agg(jsonb_build_array(class, host(address), action, operation_id is not null) order by reconciliation_id, class, address)
      from finding),
    'conflicts', (
      select jsonb_agg(jsonb_build_array(host(address), claimant_service, holder_service, resolution, resolved_at is not null) order by id)
      from conflict)
  ) as outcome`
