import { allocate } from '../workers/allocate.ts'
import { ptr } from '../workers/ptr.ts'
import { reconcile } from '../workers/reconcile.ts'
import { release } from '../workers/release.ts'
import type { Served } from './api/serve.ts'
import { billmanager } from './billing/billmanager/driver.ts'
import { billingCores } from './billing/cores.ts'
import { createDeliverer } from './billing/deliverer.ts'
import { sendWebhook } from './billing/webhook.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { type Db, openDatabase } from './db/client.ts'
import { createDeliveries } from './db/deliveries.ts'
import { type EmbeddedPostgres, openEmbeddedPostgres } from './db/embedded/postgres.ts'
import { createImports } from './db/imports.ts'
import { createLedgerEntries } from './db/ledger-entries.ts'
import { createLedgerGuests } from './db/ledger-guests.ts'
import { createLedgerServices } from './db/ledger-services.ts'
import { migrate } from './db/migrate.ts'
import { createNotes } from './db/notes.ts'
import { type Claimed, createOperations, type Operations } from './db/operations.ts'
import { createProblems } from './db/problems.ts'
import { createReconciliations } from './db/reconciliations.ts'
import { createRegistry } from './db/registry.ts'
import { createReservations } from './db/reservations.ts'
import { resolveSecrets } from './db/secret.ts'
import { createStuck } from './db/stuck.ts'
import { createTurns } from './db/turns.ts'
import { createVault, type Vault } from './db/vault.ts'
import { createDesk } from './desk/desk.ts'
import { createForwardLook } from './dns/forward.ts'
import { type OperationKind, operationKinds } from './domain/states.ts'
import { createBacklog } from './intake/backlog.ts'
import { createIntake, type Intake } from './intake/intake.ts'
import { builtinIpam } from './ipam/builtin/driver.ts'
import { createPoolDesk, type PoolDesk } from './ipam/builtin/pools.ts'
import { type BuiltinStore, createBuiltinStore, type Space } from './ipam/builtin/store.ts'
import { createUpkeep } from './ipam/builtin/upkeep.ts'
import { type IpamFactory, ipamConnections } from './ipam/connections.ts'
import { ipmanager } from './ipam/ipmanager/driver.ts'
import type { Log } from './log.ts'
import { dcimanager5 } from './panels/dcimanager5.ts'
import { knownGuest } from './panels/known-guest.ts'
import { noPanel } from './panels/none.ts'
import { proxmox } from './panels/proxmox/driver.ts'
import { type PanelFactory, serverPanels } from './panels/servers.ts'
import { vdsmanager } from './panels/vdsmanager.ts'
import { vmmanager5 } from './panels/vmmanager5.ts'
import { vmmanager6 } from './panels/vmmanager6/driver.ts'
import { type Announcer, createAnnouncer } from './queue/announcer.ts'
import { migrateQueueTables, openQueues } from './queue/backend.ts'
import { createDispatcher } from './queue/dispatcher.ts'
import { startEventWorker } from './queue/event-worker.ts'
import { parseRedisUrl } from './queue/redis-url.ts'
import { createRunner } from './queue/runner.ts'
import { keepSchedule, nightly } from './queue/scheduler.ts'
import { startWorkers, stopWorkers } from './queue/workers.ts'
import { createGuests } from './reconciliation/guests.ts'
import { createLookAgain } from './reconciliation/look-again.ts'
import { createNightly } from './reconciliation/nightly.ts'
import { createRecheck } from './reconciliation/recheck.ts'
import { createUnbilled } from './reconciliation/unbilled.ts'

export type App = Awaited<ReturnType<typeof createApp>>

export interface WorkerOptions {
  /** Which kinds of operations; default: all of them. */
  only?: readonly OperationKind[]
  /** Jobs at once for each kind. */
  concurrency?: number
}

export interface AppOptions {
  /** How long a dead worker's operations stay its own; default: 30. */
  leaseSeconds?: number
  /** How often the dispatcher and the deliverer look for what is due, in milliseconds; default: 1000. */
  dispatchMs?: number
  /** The most connections to the ledger's database at once; default: 16. */
  databaseConnections?: number
  /** How long PostgreSQL and Redis may be silent before a connection is given up, in milliseconds; default: 30,000. */
  silenceMs?: number
  /** Name servers that are asked where names lead; default: those of the system. */
  nameServers?: readonly string[]
  /** Drivers of your own, by the name that connections and servers give. */
  ipamDrivers?: Record<string, IpamFactory>
  panelDrivers?: Record<string, PanelFactory>
}

/** Builds ipbridge. Nothing runs yet but, in embedded mode, the database; whoever calls it says what shall. */
export async function createApp(config: Config, log: Log, options: AppOptions = {}) {
  const embedded = config.databaseUrl === undefined ? await openEmbeddedPostgres(config.dataDir) : undefined
  try {
    return await build(config, log, options, embedded)
  } catch (error) {
    await embedded?.release()
    throw error
  }
}

/** All of it, top to bottom. */
async function build(config: Config, log: Log, options: AppOptions, embedded: EmbeddedPostgres | undefined) {
  const clock = systemClock
  const databaseUrl = config.databaseUrl ?? embedded?.url ?? ''
  const redis = config.redisUrl === undefined ? undefined : parseRedisUrl(config.redisUrl)

  /** Brings the ledger (and the queue's tables, where the queue rides in PostgreSQL) up to date. */
  async function migrateAll(): Promise<string[]> {
    const applied = await migrate(databaseUrl)
    if (redis === undefined) await migrateQueueTables(databaseUrl)
    return applied
  }
  // Nobody else looks after an embedded database.
  if (embedded) await migrateAll()
  const vault = createVault(await resolveSecrets(config))

  // The ledger and the queue
  const { databaseConnections: connections = 16, silenceMs } = options
  const db = openDatabase(databaseUrl, { connections, ...(silenceMs === undefined ? {} : { silenceMs }) })
  const queues = openQueues({ redis, databaseUrl, log, silenceMs })
  const announcer = createAnnouncer(queues, log)
  const worker = `${process.pid}@${config.host}`
  const operations = createOperations(db, { worker, leaseSeconds: options.leaseSeconds ?? 30 })
  const backlog = createBacklog({ count: operations.waiting, most: config.maxBacklog, clock, log })
  const intake = createIntake({ db, clock, announce: announcer.announce, backlog })

  // The built-in IPAM
  const store = createBuiltinStore(db)
  const pools = createPoolDesk(db)
  function onSpace(space: Space): void {
    operations
      .wakeParked(space)
      .then(announcer.announce)
      .catch(error =>
        log.warn({ err: error }, 'parked operations could not be woken; they look again by themselves'),
      )
  }
  /** Of space that came back while an operation was about to be parked it has not been told. */
  function onParked({ connectionId = '' }: Claimed): void {
    store.spaces(connectionId).then(
      spaces => spaces.forEach(onSpace),
      error => log.warn({ err: error }, 'whether there is space again could not be seen'),
    )
  }
  const upkeep = createUpkeep({ db, store, pools, onSpace })

  const { ipams, panels, deliverer, runner, desk } = assemble(
    { db, vault, clock, log, worker, announcer, operations, intake, store, pools, onSpace, onParked },
    options,
  )

  const nights = createNightly({
    db,
    schedule: config.nightly,
    start: desk.reconciliations.start,
    clock,
    log,
  })
  const dispatcher = createDispatcher({
    operations,
    announcer,
    ping: queues.ping,
    log,
    ...paceOf(options),
    chores: [
      keepSchedule({ queues, schedule: config.nightly, onLoss: operations.announceAgain }),
      upkeep.sweep,
      everyTenth(upkeep.checkLevels),
      everyTenth(nights.catchUp),
      everyTenth(nights.watch),
    ],
  })

  /** Begins to work on the queues. @returns how to stop: in order, and in bounded time */
  function work({ only = operationKinds, concurrency = 300 }: WorkerOptions = {}): () => Promise<void> {
    const workers = startWorkers({
      queues,
      runner,
      isEarly: operations.isEarly,
      kinds: only,
      concurrency,
      log,
      silenceMs,
      scheduled: { [nightly]: nights.run },
    })
    workers.push(startEventWorker({ queues, intake, concurrency, log, silenceMs }))
    dispatcher.start()
    deliverer.start()
    return async () => {
      await Promise.all([dispatcher.stop(), deliverer.stop()])
      await stopWorkers(workers, runner, { graceMs: 10_000, abortMs: 3_000 })
    }
  }

  /** Begins to answer HTTP on HOST and PORT. */
  async function serve(): Promise<Served> {
    // Only loaded where it is needed: workers and commands do without, and start much sooner.
    const { serveApi } = await import('./api/serve.ts')
    return serveApi({ desk, intake, queues, log }, config)
  }

  async function close(): Promise<void> {
    runner.close()
    await queues.close()
    await db.$disconnect()
    await embedded?.release()
  }

  return {
    config,
    log,
    clock,
    db,
    vault,
    queues,
    announcer,
    operations,
    intake,
    desk,
    pools,
    ipams,
    panels,
    runner,
    dispatcher,
    deliverer,
    migrate: migrateAll,
    work,
    serve,
    close,
  }
}

/**
 * The part that does not know what tells it of work: from the drivers to the desk. The tests in which workers die build
 * theirs of it, too.
 */
export function assemble(
  parts: {
    db: Db
    vault: Vault
    clock: Clock
    log: Log
    worker: string
    announcer: Announcer
    operations: Operations
    intake: Intake
    store: BuiltinStore
    pools: PoolDesk
    onSpace: (space: Space) => void
    onParked: (operation: Claimed) => void
  },
  options: Pick<AppOptions, 'dispatchMs' | 'nameServers' | 'ipamDrivers' | 'panelDrivers'>,
) {
  const { db, vault, clock, log, worker, announcer, operations, intake, store, pools, onSpace, onParked } =
    parts
  // Who hands out addresses, and who uses them
  const registry = createRegistry(db, vault)
  const notes = createNotes(db)
  const turns = createTurns(db, { worker })
  const ipams = ipamConnections({
    registry,
    problems: createProblems(db),
    log,
    drivers: {
      builtin: ({ id }) => builtinIpam({ connection: id, store, pools, onSpace }),
      ipmanager: connection => ipmanager(connection, { notes, turns }),
      ...options.ipamDrivers,
    },
  })
  const panels = serverPanels({
    registry,
    drivers: {
      none: noPanel,
      vmmanager5,
      vmmanager6,
      vdsmanager,
      dcimanager5,
      proxmox,
      ...options.panelDrivers,
    },
  })

  // What billing is told
  const deliveries = createDeliveries(db, vault)
  const billings = billingCores({ deliveries, drivers: { billmanager } })
  const senders = { webhook: sendWebhook, ...billings.senders }
  const deliverer = createDeliverer({ deliveries, senders, log, ...paceOf(options) })

  // The four processors
  const reconciliations = createReconciliations(db)
  const entries = createLedgerEntries(db)
  const lookAgain = createLookAgain(entries)
  const ledgerGuests = createLedgerGuests(db)
  const reservations = createReservations(db)
  const guests = createGuests({ ledger: ledgerGuests, panel: panels.panel })
  const stuck = createStuck(db)
  const unbilled = createUnbilled({ ledger: createLedgerServices(db), cores: billings.all })
  const ports = {
    reservations,
    ipamOf: ipams.ipamOf,
    panelOf: knownGuest({ panelOf: panels.panelOf, ledger: ledgerGuests, reservations }),
    lookForward: createForwardLook(options.nameServers ? { servers: options.nameServers } : {}),
  }
  const runner = createRunner({
    operations,
    processors: {
      allocate: allocate(ports),
      release: release(ports),
      ptr: ptr(ports),
      reconcile: reconcile({ ...ports, reconciliations, entries, lookAgain, guests, stuck, unbilled }),
    },
    announce: announcer.announce,
    onParked,
    clock,
    log,
  })

  // What people can see and do
  const desk = createDesk({
    db,
    vault,
    intake,
    announcer,
    ipams,
    panels,
    pools,
    reconciliations,
    recheck: createRecheck({ lookAgain, guests, stuck }),
    deliveries,
    billings,
    sendWebhook,
    imports: createImports(db),
    onSpace,
  })

  return { ipams, panels, deliverer, runner, desk }
}

function paceOf({ dispatchMs }: Pick<AppOptions, 'dispatchMs'>) {
  return dispatchMs === undefined ? {} : { intervalMs: dispatchMs }
}

function everyTenth(chore: () => Promise<unknown>): () => Promise<unknown> {
  let rounds = 0
  return async () => (rounds++ % 10 === 0 ? chore() : undefined)
}
