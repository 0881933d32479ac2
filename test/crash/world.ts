import { createOperations } from '../../src/db/operations.ts'
import { createReservations } from '../../src/db/reservations.ts'
import { takeSnapshot } from '../../src/db/snapshot.ts'
import { createForwardLook } from '../../src/dns/forward.ts'
import type { EventInput } from '../../src/domain/events.ts'
import { checkInvariants } from '../../src/domain/invariants.ts'
import { createIntake } from '../../src/intake/intake.ts'
import { builtinIpam } from '../../src/ipam/builtin/driver.ts'
import { createBuiltinStore } from '../../src/ipam/builtin/store.ts'
import { memoryIpam } from '../../src/ipam/memory.ts'
import { createLog } from '../../src/log.ts'
import { memoryPanel } from '../../src/panels/memory.ts'
import { createRunner } from '../../src/queue/runner.ts'
import { allocate } from '../../workers/allocate.ts'
import { ptr } from '../../workers/ptr.ts'
import { release } from '../../workers/release.ts'
import { admin } from '../helpers/api.ts'
import { startTestApp } from '../helpers/app.ts'
import { createMortal, type Death, Died } from './mortal.ts'

export type World = Awaited<ReturnType<typeof createWorld>>

/** Which of each call of a driver changes the outside world. */
const ipamCalls = {
  findByMarker: 'reads',
  read: 'reads',
  list: 'reads',
  check: 'reads',
  request: 'changes',
  setPtr: 'changes',
  release: 'changes',
  claim: 'changes',
  adopt: 'changes',
} as const
const panelCalls = {
  addresses: 'reads',
  guests: 'reads',
  check: 'reads',
  configure: 'changes',
  unassign: 'changes',
  setPtr: 'changes',
} as const

/** What people do, or billing, that is not an event. */
export type Deed = (world: World) => Promise<unknown>

/**
 * A ledger, an IPAM and panels, with a worker that can die anywhere. One thing happens after the other, so that a
 * life always goes the same way up to its end.
 */
export async function createWorld(ipamName: 'memory' | 'builtin') {
  const mortal = createMortal()
  const books = memoryIpam({ pools: { main: '10.0.0.0/28', other: '10.1.0.0/28' } })
  const panel = memoryPanel()
  const app = await startTestApp({
    work: false,
    ipamDrivers: {
      memory: () => mortal.driver('ipam', books, ipamCalls),
      builtin: ({ id }) =>
        builtinIpam({
          connection: id,
          store: createBuiltinStore(mortal.db(app.db)),
          pools: app.pools,
          onSpace: () => {},
        }),
    },
    panelDrivers: { memory: () => mortal.driver('panel', panel, panelCalls) },
  })
  // The server itself does not die here, so nothing needs to reach the disk.
  await app.db.$executeRawUnsafe(
    `alter database ${new URL(app.database.url).pathname.slice(1)} set synchronous_commit = off`,
  )
  await app.db.$disconnect()
  const connection = ipamName === 'memory' ? 'ipam' : 'builtin'
  if (ipamName === 'memory') await app.desk.connections.add(admin, { name: 'ipam', driver: 'memory' })
  await app.desk.servers.add(admin, { name: 'node1', panel: 'memory', connection })
  await app.desk.servers.add(admin, { name: 'node2', panel: 'memory', connection })
  const options = { pools: ['other'] }
  await app.desk.servers.add(admin, { name: 'node3', panel: 'none', connection, options })

  if (ipamName === 'builtin') {
    const common = { quarantineSeconds: 3_600, connection }
    await app.desk.pools.add(admin, { ...common, name: 'main', cidr: '10.0.0.0/28' })
    await app.desk.pools.add(admin, { ...common, name: 'other', cidr: '10.1.0.0/28', priority: 200 })
  }
  await app.db.$executeRaw`create table unused as select * from pool_free`

  /** Whatever a worker process is made of, anew. */
  function createWorker() {
    const db = mortal.db(app.db)
    const operations = createOperations(db, { worker: 'mortal', leaseSeconds: 60 })
    const { ipamOf } = app.ipams
    const { panelOf } = app.panels
    const lookForward = createForwardLook()
    const ports = { reservations: createReservations(db), ipamOf, panelOf, lookForward }
    const runner = createRunner({
      operations,
      processors: {
        allocate: allocate(ports),
        release: release(ports),
        ptr: ptr(ports),
        reconcile: async () => {
          throw new Error('not here')
        },
      },
      announce: async () => {},
      clock: app.clock,
      log: createLog('silent'),
    })
    return { operations, runner, intake: createIntake({ db, clock: app.clock, announce: async () => {} }) }
  }
  type Worker = ReturnType<typeof createWorker>

  /** Works until nothing is left to do. Time is no matter: what waits for its time is due at once. */
  async function drain({ operations, runner }: Worker): Promise<void> {
    await operations.recover()
    for (let rounds = 0; rounds < 50; rounds++) {
      const rows = await app.db.$queryRaw<{ id: string }[]>`
        select id from operation where state in ('queued', 'waiting') order by state, seq limit 1`
      const next = rows[0]
      if (next === undefined) return
      await app.db.$executeRaw`
        update operation set state = 'queued' where id = ${next.id}::uuid and state = 'waiting'`
      await runner.run(next.id)
    }
    throw new Error('there is no end to it')
  }

  return {
    app,
    books,
    panel,
    mortal,

    /** Everything as it was in the beginning. */
    async reset(): Promise<void> {
      mortal.rest()
      books.records.clear()
      panel.books.clear()
      // Deleting the few rows that there are is much quicker than truncating.
      await app.db.$executeRaw`
        do $$ begin
          delete from outbox; delete from conflict; delete from operation_step; delete from operation;
          delete from assignment; delete from event; delete from aspect; delete from service;
          delete from pool_address; delete from pool_free;
          insert into pool_free (pool_id, first, last, since) select pool_id, first, last, since from unused;
        end $$`
    },

    /** Takes events in, without dying. */
    async takeIn(events: readonly EventInput[]): Promise<void> {
      mortal.rest()
      await app.intake.accept(events, 'http')
    },

    /** The same, and does all the work that they make. */
    async settle(events: readonly EventInput[]): Promise<void> {
      await this.takeIn(events)
      const worker = createWorker()
      await drain(worker)
      worker.runner.close()
    },

    /**
     * Does what is to do, and dies on the way: after each death everything starts anew, and billing, which has not
     * heard that its events were taken in, sends them again.
     * @param events what else billing sends
     * @returns the effects of each life
     */
    async live(events: readonly EventInput[], deaths: readonly Death[]): Promise<(readonly string[])[]> {
      const lives: (readonly string[])[] = []
      let isTakenIn = false
      for (const death of [...deaths, undefined]) {
        mortal.live(death)
        const worker = createWorker()
        try {
          if (!isTakenIn && events.length > 0) await worker.intake.accept(events, 'http')
          isTakenIn = true
          await drain(worker)
        } catch (error) {
          if (!(error instanceof Died)) throw error
        } finally {
          worker.runner.close()
        }
        lives.push(mortal.effects)
        // Nobody waits for a lease here.
        await app.db.$executeRaw`update operation set lease_until = now() where state = 'running'`
      }
      mortal.rest()
      return lives
    },

    /** What is wrong, by the invariants. */
    async violations() {
      return checkInvariants(await takeSnapshot(app.db, app.ipams.driver), { quiet: true })
    },

    /** How everything ended, without what differs from one time to the next: ids and times. */
    async outcome(): Promise<unknown> {
      const [row] = await app.db.$queryRaw<{ outcome: unknown }[]>`
        select jsonb_build_object(
          'services', (select jsonb_agg(jsonb_build_array(id, state, guest) order by id) from service),
          'assignments', (
            select jsonb_agg(jsonb_build_array(service_id, slot, family, state, host(address), ptr, conflicts) order by service_id, slot, created_at, id)
            from assignment),
          'operations', (select jsonb_agg(jsonb_build_array(kind, state) order by seq) from operation),
          'told', (select jsonb_agg(jsonb_build_array(type, service_id, data) order by type, service_id, data) from outbox),
          'conflicts', (select jsonb_agg(jsonb_build_array(host(address), claimant_service, holder_service) order by id) from conflict)
        ) as outcome`
      const guests = [...panel.books].map(([guest, { addresses }]) =>
        [guest, ...[...addresses].flat()].join(' '),
      )
      return { ...(row?.outcome as object), guests: guests.sort(), granted: books.records.size }
    },

    shutDown: () => app.shutDown(),
  }
}
