import type { Reconciliations } from '../../src/db/reconciliations.ts'
import type { Reservations } from '../../src/db/reservations.ts'
import type { ReconcileSettings } from '../../src/domain/reconcile-settings.ts'
import type { IpamDriver } from '../../src/ipam/driver.ts'
import { createLog } from '../../src/log.ts'
import type { PanelDriver } from '../../src/panels/driver.ts'
import { noPanel } from '../../src/panels/none.ts'
import type { Ipam, Ports } from '../../src/queue/ports.ts'
import type { Run } from '../../src/queue/run.ts'
import { createRunner } from '../../src/queue/runner.ts'
import { createGuests } from '../../src/reconciliation/guests.ts'
import { createLookAgain } from '../../src/reconciliation/look-again.ts'
import { createUnbilled } from '../../src/reconciliation/unbilled.ts'
import { allocate } from '../../workers/allocate.ts'
import { ptr } from '../../workers/ptr.ts'
import { reconcile } from '../../workers/reconcile.ts'
import { release } from '../../workers/release.ts'
import type { SimulatedIpam } from './ipam.ts'
import { leaseSeconds, type OperationTable } from './operations.ts'
import { back, type World } from './outside.ts'
import type { SimulatedPanel } from './panel.ts'
import type { Consumer, SimulatedQueue } from './queue.ts'
import type { ReconciliationTable } from './reconciliations.ts'
import type { AtOnce } from './reservations.ts'
import type { Owner } from './scheduler.ts'
import { ledgerEntries, ledgerGuests, stuckOperations } from './sights.ts'
import { connection, space } from './snapshot.ts'
import type { Tables } from './tables.ts'

const log = createLog('silent')

/** Servers that are limited to some pools, and have no panel. */
export const limitedServer = 'node3'

export interface SimulatedWorker extends Consumer {
  owner: Owner
  /** It does not reach the ledger before this. */
  cutOffUntil: number
  /** Ends what it does, and takes up nothing more. */
  stop(): void
}

interface Parts {
  tables: Tables
  runs: ReconciliationTable
  operations: OperationTable
  reservations: AtOnce<Reservations>
  ipam: SimulatedIpam
  panels: Map<string, SimulatedPanel>
  queue: () => SimulatedQueue
}

/** What is compared and mended: all that can be. */
const settings: ReconcileSettings = {
  policies: {
    foreign: 'adopt',
    lost: 'fix-theirs',
    owner: 'fix-theirs',
    conflict: 'report',
    stuck: 'fix-ours',
    stray: 'fix-theirs',
    unconfigured: 'fix-theirs',
  },
  firstPtrs: 'as-usual',
}

/** The connection that all servers are on. */
export function simulatedConnection(driver: IpamDriver, server?: string): Ipam {
  return {
    connectionId: connection,
    name: connection,
    addressSpace: space,
    conflictPtr: 'dns.set.error',
    login: undefined,
    hiddenTypes: [],
    reconcile: settings,
    forwardCheck: 'off',
    driver,
    pools: server === limitedServer ? ['other', 'six'] : undefined,
  }
}

async function* noServices(): AsyncGenerator<never> {}

/** One worker process: the real runner and the real processors, on ports that lead into the simulated world. */
export function createWorker(world: World, parts: Parts, name: string): SimulatedWorker {
  const { scheduler, random } = world
  const owner: Owner = { name, frozenUntil: 0, isDead: false }
  const { defect } = world
  // Without a fence nobody looks at the time either.
  const monotonic = () => (defect === 'no fence' ? 0 : scheduler.now())
  const clock = { now: () => new Date(scheduler.now()), monotonic }

  /** A statement's way to the ledger and back. It may fail before it is carried out, or after. */
  async function call<T>(what: string, work: () => T): Promise<T> {
    if (random.chance(0.5)) await scheduler.turn(random.next() * 10, owner)
    if (worker.cutOffUntil > scheduler.now() || random.chance(world.weather.ledgerAway)) {
      await scheduler.turn(2_000, owner)
      world.count('times that the ledger was away')
      throw new Error('the ledger cannot be reached')
    }
    const result = work()
    const isLost = random.chance(world.weather.ledgerLost)
    world.tell(name, `${what}${isLost ? ', and nobody hears it' : ''}`)
    await back(world, owner, isLost ? 2_000 : undefined, 10, result === undefined ? 0.1 : 0.5)
    if (isLost) throw new Error('the connection to the ledger broke')
    return result
  }

  const { tables, operations, ipam, panels, queue } = parts
  /** A table whose statements take their way. */
  const away = <Port>(table: AtOnce<Port>) =>
    Object.fromEntries(
      Object.entries(table).map(([method, work]) => [
        method,
        (...args: unknown[]) => call(method, () => Reflect.apply(work as () => unknown, undefined, args)),
      ]),
    ) as unknown as Port
  const reservations = away<Reservations>(parts.reservations)

  const drivers = new Map([...panels].map(([server, panel]) => [server, panel.driver(owner)]))
  const none = noPanel()

  const ports: Ports = {
    reservations,
    ipamOf: async ({ id, service }: Run) => simulatedConnection(ipam.driver(owner, id), service?.server),
    panelOf: async ({ service }: Run): Promise<PanelDriver> => drivers.get(service?.server ?? '') ?? none,
    lookForward: async () => 'confirmed',
  }

  const entries = ledgerEntries(tables, call)

  const timers = new Set<{ ms: number; work: () => void; isSet: boolean }>()

  /** Timers only run while there is something to guard: nobody would see them otherwise. */
  function wind(timer: { ms: number; work: () => void; isSet: boolean }): void {
    if (timer.isSet) return
    timer.isSet = true
    const fire = () => {
      timer.isSet = false
      if (runner.active === 0 || !timers.has(timer)) return false
      timer.work()
      wind(timer)
      // It only marks what is overdue, or waits for a turn of its own: nothing follows from it at once.
      return false
    }
    scheduler.timer(timer.ms, fire, owner)
  }

  const runner = createRunner({
    operations: {
      leaseSeconds,
      claim: id => call(`claim ${id}`, () => operations.claim(id)),
      settle: item =>
        call(`settle ${item.id} as ${item.settlement.state} ${item.settlement.error?.code ?? ''}`, () =>
          operations.settle(item),
        ),
      renew: running => call('renew', () => operations.renew(running)),
    },
    processors: {
      allocate: allocate(ports),
      release: release(ports),
      ptr: ptr(ports),
      reconcile: reconcile({
        ipamOf: ports.ipamOf,
        reconciliations: away<Omit<Reconciliations, 'review'>>(parts.runs.table),
        entries,
        lookAgain: createLookAgain(entries),
        guests: createGuests({
          ledger: ledgerGuests(tables, [...panels.keys()], call),
          panel: async server => drivers.get(server) ?? none,
        }),
        stuck: stuckOperations(tables, scheduler.now, call),
        // Billing is not listed here.
        unbilled: createUnbilled({ ledger: { live: noServices }, cores: async () => [] }),
      }),
    },
    announce: announcements => queue().announce(announcements),
    clock,
    log,
    random: random.next,
    every(ms, work) {
      const timer = { ms, work, isSet: false }
      timers.add(timer)
      return () => timers.delete(timer)
    },
  })

  let isStopped = false
  const worker: SimulatedWorker = {
    owner,
    cutOffUntil: 0,
    isGone: () => owner.isDead || isStopped,
    stop() {
      isStopped = true
      runner.abort()
    },
    async run(id) {
      // It was handed out to a process that stands still.
      if (owner.frozenUntil > scheduler.now()) await scheduler.turn(0, owner)
      const running = runner.run(id)
      for (const timer of timers) wind(timer)
      const ran = await running
      if (ran.result === 'lost') world.count('runs that had lost their fence')
      if (ran.result === 'retry') world.count('tries that failed and are repeated')
      if (ran.result !== 'not claimed') world.count('runs of operations')
      return ran
    },
  }
  return worker
}
