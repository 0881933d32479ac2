import { events as billed } from '../helpers/events.ts'
import type { Installation } from './installation.ts'
import { simulatedMeddling } from './meddling.ts'
import type { World } from './outside.ts'
import { beginning, type Happening } from './script.ts'

type Of<K extends Happening['kind']> = Extract<Happening, { kind: K }>

/** Carries out what the script says. */
export function createFate(world: World, installation: Installation, script: readonly Happening[]) {
  const { scheduler } = world
  const { tables, operations, workers, billing, desk, plans, queue } = installation
  const meddle = simulatedMeddling(world, installation)
  const isOff = () => world.offUntil > scheduler.now()

  function happen(happening: Happening): void {
    switch (happening.kind) {
      case 'event':
        void billing.send(happening.event)
        break
      case 'about an address':
        speakOfAddress(happening)
        break
      case 'flush':
        world.tell('the queue', 'forgets everything')
        queue.flush()
        operations.announceAgain()
        break
      case 'meddle':
        meddle(happening.what, happening.nth)
        break
      case 'stop all':
        stopAll(happening)
        break
      case 'freeze':
      case 'cut off':
      case 'kill':
      case 'stop':
        befall(happening)
        break
      default:
        // Where nobody answers, nobody can do anything at the desk.
        if (!isOff()) atTheDesk(happening)
    }
  }

  function atTheDesk(happening: Of<'client' | 'retry' | 'cancel' | 'decide' | 'reconcile' | 'apply'>): void {
    if (happening.kind === 'client') nameAddress(happening)
    else if (happening.kind === 'retry') desk.retryNth(happening.nth)
    else if (happening.kind === 'cancel') desk.cancelNth(happening.nth)
    else if (happening.kind === 'decide') desk.decideNth(happening.nth, happening.resolution)
    else if (happening.kind === 'reconcile') desk.reconcile('operator:simulated')
    else void plans.apply()
  }

  function befall(happening: Of<'freeze' | 'cut off' | 'kill' | 'stop'>): void {
    const worker = workers[happening.worker]
    if (worker === undefined) return
    const until = scheduler.now() + ('ms' in happening ? happening.ms : 0)
    world.tell(
      worker.owner.name,
      `${happening.kind}${'ms' in happening ? ` for ${happening.ms / 1000} s` : ''}`,
    )
    world.count(`workers: ${happening.kind}`)
    if (happening.kind === 'freeze') worker.owner.frozenUntil = Math.max(until, worker.owner.frozenUntil)
    if (happening.kind === 'cut off') worker.cutOffUntil = until
    if (happening.kind === 'kill') worker.owner.isDead = true
    if (happening.kind === 'stop') worker.stop()
    if (happening.kind === 'kill' || happening.kind === 'stop') installation.replaceWorker(happening.worker)
  }

  function stopAll({ ms }: Of<'stop all'>): void {
    world.tell('an operator', `stops everything for ${ms / 1000} s`)
    world.count('stops of everything')
    world.offUntil = scheduler.now() + ms
    for (const worker of workers) worker.stop()
    scheduler.after(ms, () => {
      workers.forEach((worker, index) => {
        if (worker.isGone()) installation.replaceWorker(index)
      })
    })
  }

  const addressesOf = (service: string, which: 'any' | 'active') =>
    tables
      .assignmentsOf(service)
      .filter(a => a.address !== undefined && (which === 'any' || a.state === 'active'))

  const events = script.flatMap(happening => {
    if (happening.kind !== 'event') return []
    const { data, source, id, time = '' } = happening.event
    const service = typeof data.service === 'object' ? data.service.id : data.service
    return [{ service, key: `${source}\n${id}`, at: Date.parse(time) }]
  })

  /** Whether all that was said of a service by now has been taken in: then everybody means the same by an address. */
  function isAllHeard(service: string): boolean {
    return events.every(
      event => event.service !== service || event.at > scheduler.now() || tables.events.has(event.key),
    )
  }

  /** What is said the first time stays said: a message that is sent again is the same one. */
  const said = new Map<string, Parameters<typeof billing.send>[0]>()
  function speakOfAddress({ id, service, nth, ptr }: Of<'about an address'>): void {
    const isCancelled = ptr === undefined
    const mine =
      isCancelled && !isAllHeard(service) ? [] : addressesOf(service, isCancelled ? 'active' : 'any')
    const address = mine[nth % Math.max(mine.length, 1)]?.address
    const common = { id, at: (scheduler.now() - beginning) / 60_000 }
    const named = () => billed.ptrChanged(address ?? `10.0.0.${nth + 1}`, ptr ?? null, { ...common, service })
    // Nobody cancels an address that nobody has, or whose slot a late event may yet give anew: then it is an order.
    const cancelled = () => billed.cancelled(service, address ? { address } : { order: 'o9' }, common)
    const event = said.get(id) ?? (isCancelled ? cancelled() : named())
    said.set(id, event)
    void billing.send(event)
  }

  /** As src/desk/addresses.ts: an ordinary event of its own source. */
  function nameAddress({ id, service, nth, ptr }: Of<'client'>): void {
    const mine = addressesOf(service, 'active')
    const address = mine[nth % Math.max(mine.length, 1)]?.address
    if (address === undefined) return
    const at = (scheduler.now() - beginning) / 60_000
    world.count('names given by clients')
    void billing.ask(billed.ptrChanged(address, ptr, { id, at, source: 'ipbridge:client', service }))
  }

  return { happen }
}
