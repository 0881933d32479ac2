import type { Reservations } from '../../src/db/reservations.ts'
import { createLog } from '../../src/log.ts'
import type { PanelDriver } from '../../src/panels/driver.ts'
import { noPanel } from '../../src/panels/none.ts'
import type { Ipam, Ports } from '../../src/queue/ports.ts'
import type { Run } from '../../src/queue/run.ts'
import { createRunner } from '../../src/queue/runner.ts'
import { allocate } from '../../workers/allocate.ts'
import { ptr } from '../../workers/ptr.ts'
import { release } from '../../workers/release.ts'
import type { SimulatedIpam } from './ipam.ts'
import { leaseSeconds, type OperationTable } from './operations.ts'
import { back, type World } from './outside.ts'
import type { SimulatedPanel } from './panel.ts'
import type { Consumer, SimulatedQueue } from './queue.ts'
import type { AtOnce } from './reservations.ts'
import type { Owner } from './scheduler.ts'
import { space } from './snapshot.ts'

const log = createLog('silent')

/** Servers that are limited to some pools, and have no panel. */
export const limitedServer = 'node3'

export interface SimulatedWorker extends Consumer {
  owner: Owner
  /** It does not reach the ledger before this. */
  cutOffUntil: number
}

interface Parts {
  operations: OperationTable
  reservations: AtOnce<Reservations>
  ipam: SimulatedIpam
  panels: Map<string, SimulatedPanel>
  queue: () => SimulatedQueue
}

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
    await scheduler.turn(random.next() * 10, owner)
    if (worker.cutOffUntil > scheduler.now() || random.chance(world.weather.ledgerAway)) {
      await scheduler.turn(2_000, owner)
      throw new Error('the ledger cannot be reached')
    }
    const result = work()
    const isLost = random.chance(world.weather.ledgerLost)
    world.tell(name, `${what}${isLost ? ', and nobody hears it' : ''}`)
    await back(world, owner, isLost ? 2_000 : undefined, 10)
    if (isLost) throw new Error('the connection to the ledger broke')
    return result
  }

  const { operations, ipam, panels, queue } = parts
  const reservations = Object.fromEntries(
    Object.entries(parts.reservations).map(([method, work]) => [
      method,
      (...args: unknown[]) => call(method, () => Reflect.apply(work, undefined, args)),
    ]),
  ) as unknown as Reservations

  const driver = ipam.driver(owner)
  const drivers = new Map([...panels].map(([server, panel]) => [server, panel.driver(owner)]))
  const none = noPanel()

  const ports: Ports = {
    reservations,
    ipamOf: async ({ service, connectionId = '' }: Run): Promise<Ipam> => ({
      connectionId,
      name: 'ipam',
      addressSpace: space,
      conflictPtr: 'dns.set.error',
      login: undefined,
      hiddenTypes: [],
      reconcile: {},
      forwardCheck: 'off',
      driver,
      pools: service?.server === limitedServer ? ['other'] : undefined,
    }),
    panelOf: async ({ service }: Run): Promise<PanelDriver> => drivers.get(service?.server ?? '') ?? none,
    lookForward: async () => 'confirmed',
  }

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
      return true
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
      reconcile: async () => {
        throw new Error('nothing is reconciled here')
      },
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

  const worker: SimulatedWorker = {
    owner,
    cutOffUntil: 0,
    isGone: () => owner.isDead,
    async run(id) {
      const ran = runner.run(id)
      for (const timer of timers) wind(timer)
      return ran
    },
  }
  return worker
}
