import { setImmediate } from 'node:timers/promises'
import { checkInvariants, type Violation } from '../../src/domain/invariants.ts'
import { createLog } from '../../src/log.ts'
import { createDispatcher } from '../../src/queue/dispatcher.ts'
import { events } from '../helpers/events.ts'
import type { Defect } from './broken.ts'
import { simulatedDesk } from './desk.ts'
import { inboxTable } from './inbox.ts'
import { simulatedBilling } from './intake.ts'
import { simulatedIpam } from './ipam.ts'
import { operationTable } from './operations.ts'
import type { World } from './outside.ts'
import { simulatedPanel } from './panel.ts'
import { simulatedQueue } from './queue.ts'
import { createRandom } from './random.ts'
import { reservationTable } from './reservations.ts'
import { createScheduler } from './scheduler.ts'
import { beginning, type Happening, writeScript } from './script.ts'
import { snapshotOf } from './snapshot.ts'
import { createTables, type Tables } from './tables.ts'
import { calm, chooseWeather } from './weather.ts'
import { createWorker } from './worker.ts'

export interface SimulationOptions {
  seed: number
  /** How many events billing sends; default: 200. */
  events?: number
  /** What happens; default: what the seed says. */
  script?: Happening[]
  defect?: Defect | undefined
  /** Hears what happens, line by line. */
  onLine?: (line: string) => void
}

export interface Simulated {
  violations: Violation[]
  script: Happening[]
  tables: Tables
  /** How much was done, and how much time passed. */
  figures: { operations: number; claims: number; hours: number }
}

const log = createLog('silent')
const workerCount = 3
const hour = 3_600_000

/** How long everything may take to come to rest after the last fault: a PTR change waits a day for its address. */
const restMs = 30 * hour

/** Plays one history: first with faults, then without; and judges what is left. One seed gives one history. */
export async function simulate(options: SimulationOptions): Promise<Simulated> {
  const { seed, defect, onLine } = options
  const script = options.script ?? writeScript(createRandom(seed), options.events ?? 200)
  const random = createRandom(seed ^ 0x9e3779b9)
  const scheduler = createScheduler(random, beginning)
  const world: World = {
    scheduler,
    random,
    weather: chooseWeather(random),
    defect,
    tell: onLine
      ? (who, what) =>
          onLine(`${clockTime(scheduler.now())} ${who}: ${typeof what === 'string' ? what : what()}`)
      : () => {},
  }
  const tables = createTables()
  const operations = operationTable(tables, scheduler.now, defect)
  const reservations = reservationTable(tables, operations, defect)
  const inbox = inboxTable(tables, scheduler.now)
  const ipam = simulatedIpam(world)
  const panels = new Map(['node1', 'node2'].map(name => [name, simulatedPanel(world, name)]))

  let born = 0
  const newWorker = () =>
    createWorker(world, { operations, reservations, ipam, panels, queue: () => queue }, `worker ${++born}`)
  const queue = simulatedQueue(world, () => workers)
  const workers = Array.from({ length: workerCount }, newWorker)
  const billing = simulatedBilling(world, { tables, inbox, queue })
  const desk = simulatedDesk(world, { tables, queue })

  const dispatcher = createDispatcher({
    operations: {
      recover: async () => operations.recover(),
      due: async limit => operations.due(limit),
    },
    announcer: queue,
    log,
  })

  function happen(happening: Happening): void {
    if (happening.kind === 'event') void billing.send(happening.event)
    else if (happening.kind === 'about an address') speakOfAddress(happening)
    else if (happening.kind === 'retry') desk.retryNth(happening.nth)
    else if (happening.kind === 'cancel') desk.cancelNth(happening.nth)
    else if (happening.kind === 'flush') flush()
    else befall(happening)
  }

  function flush(): void {
    world.tell('the queue', 'forgets everything')
    queue.flush()
    operations.announceAgain()
  }

  function befall(happening: Extract<Happening, { worker: number }>): void {
    const worker = workers[happening.worker]
    if (worker === undefined) return
    const until = scheduler.now() + ('ms' in happening ? happening.ms : 0)
    world.tell(
      worker.owner.name,
      `${happening.kind}${'ms' in happening ? ` for ${happening.ms / 1000} s` : ''}`,
    )
    if (happening.kind === 'freeze') worker.owner.frozenUntil = until
    if (happening.kind === 'cut off') worker.cutOffUntil = until
    if (happening.kind === 'kill') {
      worker.owner.isDead = true
      workers[happening.worker] = newWorker()
    }
  }

  /** What is said the first time stays said: a message that is sent again is the same one. */
  const said = new Map<string, Parameters<typeof billing.send>[0]>()
  function speakOfAddress({ id, service, nth, ptr }: Extract<Happening, { kind: 'about an address' }>): void {
    const mine = [...tables.assignments.values()].filter(
      a => a.service === service && a.address !== undefined && (ptr !== undefined || a.state === 'active'),
    )
    // Nobody cancels what nobody has.
    if (ptr === undefined && mine.length === 0 && !said.has(id)) return
    const address = mine[nth % Math.max(mine.length, 1)]?.address ?? `10.0.0.${nth + 1}`
    const common = { id, at: (scheduler.now() - beginning) / 60_000 }
    const event =
      said.get(id) ??
      (ptr === undefined
        ? events.cancelled(service, { address }, common)
        : events.ptrChanged(address, ptr, { ...common, service }))
    said.set(id, event)
    void billing.send(event)
  }

  /** The dispatcher looks every second; where nothing is due for long in the end, time may pass. */
  let clearedAt = Number.POSITIVE_INFINITY
  function dispatch(): void {
    const { now } = scheduler
    const longest = now() > clearedAt + hour / 6 ? hour : 1_000
    const due = operations.nextDue() ?? Number.POSITIVE_INFINITY
    scheduler.after(Math.max(1_000, Math.min(due - now(), longest)), () => {
      const isDue = (operations.nextDue() ?? Number.POSITIVE_INFINITY) <= now()
      if (isDue) void dispatcher.round().then(dispatch)
      else dispatch()
      return isDue
    })
  }

  const judge = (quiet: boolean) => {
    const guests = [...panels.values()].flatMap(({ books }) => [...books.values()])
    return checkInvariants(snapshotOf(tables, ipam.books.records.values(), guests), { quiet })
  }

  // Between two histories others have their turn.
  await setImmediate()
  dispatch()
  const span = (script.at(-1)?.at ?? 0) + 1
  for (const happening of script) scheduler.after(happening.at, () => happen(happening))
  await scheduler.run(beginning + span)
  const meanwhile = judge(false)

  // From here on nothing fails any more, and all that began must come to its end.
  world.tell('the weather', 'clears up')
  world.weather = calm
  for (const worker of workers) worker.cutOffUntil = 0
  clearedAt = scheduler.now()
  await scheduler.run(scheduler.now() + restMs)
  if (desk.retryFailed() > 0) {
    clearedAt = scheduler.now()
    await scheduler.run(scheduler.now() + restMs)
  }
  const violations = [...meanwhile, ...judge(true), ...lost()]

  /** What we said that we have must be there. */
  function lost(): Violation[] {
    const kept = new Set([...tables.events.values()].map(event => event.event_id))
    return billing.acknowledged
      .filter(({ id, operations }) => !kept.has(id) || operations.some(o => !tables.operations.has(o)))
      .map(({ id }) => ({ invariant: 2, message: `event ${id} was accepted and is lost` }))
  }

  const all = [...tables.operations.values()]
  return {
    violations,
    script,
    tables,
    figures: {
      operations: all.length,
      claims: all.reduce((sum, o) => sum + o.epoch, 0),
      hours: (scheduler.now() - beginning) / hour,
    },
  }
}

function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23)
}
