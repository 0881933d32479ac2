import { setImmediate } from 'node:timers/promises'
import { checkHistory, type Seen } from '../../src/domain/history.ts'
import { checkInvariants, type Violation } from '../../src/domain/invariants.ts'
import type { Defect } from './broken.ts'
import { createFate } from './fate.ts'
import { createInstallation } from './installation.ts'
import { strayNetwork } from './meddling.ts'
import type { World } from './outside.ts'
import { createRandom } from './random.ts'
import { createScheduler } from './scheduler.ts'
import { beginning, type Happening, writeScript } from './script.ts'
import { snapshotOf } from './snapshot.ts'
import { calm, chooseWeather } from './weather.ts'

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
  /** How many events billing sent that were taken in; those that were sent again count once. */
  events: number
  /** What went on, and how often. */
  counts: Record<string, number>
}

const hour = 3_600_000

/** How long after the last fault operations may be queued or running. */
const boundMs = 2 * hour

/** How long everything may take to come to rest: a PTR change waits a day for its address. */
const restMs = 30 * hour

/** Plays one history: first with faults, then without; and judges what is left. One seed gives one history. */
export async function simulate(options: SimulationOptions): Promise<Simulated> {
  const { seed } = options
  const script = options.script ?? writeScript(createRandom(seed), options.events ?? 200)
  const { world, history, counts } = createWorld(options)
  const { scheduler } = world
  const installation = createInstallation(world)
  const { tables, ipam, panels, workers, desk, plans, runs } = installation
  const fate = createFate(world, installation, script)

  const snapshot = () => {
    const guests = [...panels].flatMap(([server, { books }]) =>
      [...books.values()].map(({ service, addresses }) => ({
        service,
        addresses: [...addresses.keys()].filter(address => isOurs(address, service, server)),
      })),
    )
    return snapshotOf(tables, ipam.books.records.values(), guests, ipam.names)
  }

  /** What somebody put on a guest by hand is nobody's any more once its service has left the server. */
  const isOurs = (address: string, service: string, server: string) =>
    !address.startsWith(strayNetwork) || tables.services.get(service)?.server === server

  // Between two histories others have their turn.
  await setImmediate()
  let clearedAt = Number.POSITIVE_INFINITY
  installation.dispatch(() => (scheduler.now() > clearedAt + hour / 6 ? hour : 1_000))
  const rest = (ms: number) => {
    clearedAt = scheduler.now()
    return scheduler.run(clearedAt + ms)
  }
  for (const happening of script) scheduler.after(happening.at, () => fate.happen(happening))
  await scheduler.run(beginning + (script.at(-1)?.at ?? 0) + 1)
  const meanwhile = checkInvariants(snapshot(), { quiet: false })

  // From here on nothing fails any more, and all that began must come to its end.
  world.tell('the weather', 'clears up')
  world.weather = calm
  for (const worker of workers) worker.cutOffUntil = 0
  await rest(boundMs)
  const late = tables
    .openOperations()
    .filter(({ state }) => state === 'queued' || state === 'running')
    .map(({ id, kind, state }) => ({
      invariant: 8,
      message: `operation ${id} (${kind}) is ${state} two hours after the last fault`,
    }))
  await rest(restMs)
  // People look after what has failed or wants deciding, and two nights mend the rest.
  for (let night = 0; night < 3; night++) {
    desk.retryFailed()
    await rest(hour)
    desk.decideAll()
    await rest(hour)
    desk.reconcile(`schedule:${night}`)
    await rest(hour / 4)
    void plans.apply()
    await rest(hour)
  }
  if (desk.retryFailed() > 0) await rest(restMs)
  desk.reconcile('schedule:last')
  await rest(hour / 4)

  const last = snapshot()
  const violations = [
    ...meanwhile,
    ...late,
    ...checkInvariants(last, { quiet: true }),
    ...checkHistory(history, last, ipam),
    ...leftToMend(),
  ]
  world.count('runs of operations that were taken up', sum([...tables.operations.values()].map(o => o.epoch)))
  world.count('operations', tables.operations.size)
  for (const { kind, state, error } of tables.operations.values())
    if (state === 'failed') world.count(`operations that failed in the end: ${kind}, ${error?.code}`)
  world.count('lines of history', history.length)
  return { violations, script, events: tables.events.size, counts }

  /** 4. What reconciliation itself says in the end, which should be nothing. */
  function leftToMend(): Violation[] {
    const findings = [...(runs.runs.at(-1)?.findings.values() ?? [])]
    return findings
      .filter(({ class: kind }) => !['conflict', 'unknown', 'stuck'].includes(kind))
      .map(({ subject }) => ({ invariant: 4, message: `reconciliation still finds: ${subject}` }))
  }
}

function createWorld({ seed, defect, onLine }: SimulationOptions) {
  const random = createRandom(seed ^ 0x9e3779b9)
  const scheduler = createScheduler(random, beginning)
  const history: Seen[] = []
  const counts: Record<string, number> = {}
  const world: World = {
    scheduler,
    random,
    weather: chooseWeather(random),
    offUntil: 0,
    defect,
    see: seen => history.push(seen),
    count(what, times = 1) {
      counts[what] = (counts[what] ?? 0) + times
    },
    tell: onLine
      ? (who, what) =>
          onLine(`${clockTime(scheduler.now())} ${who}: ${typeof what === 'string' ? what : what()}`)
      : () => {},
  }
  return { world, history, counts }
}

const sum = (numbers: number[]) => numbers.reduce((all, n) => all + n, 0)

function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23)
}
