import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../helpers/until.ts'
import type { Journal } from './journal.ts'
import type { Program } from './program.ts'
import type { Trouble, TroubleKind } from './schedule.ts'
import type { Site } from './site.ts'
import { createTurns } from './turns.ts'

/** What the panel does wrong, for a while. */
const panelFaults = {
  'lose answers of the IPAM': [
    { what: 'drop', submit: true, afterEffect: true, chance: 0.3 },
    { what: 'truncated', submit: true, afterEffect: true, chance: 0.1 },
    { what: 'drop', chance: 0.05 },
  ],
  'let the IPAM answer 503': [{ what: 'status', status: 503, chance: 0.4 }],
  'slow the IPAM down': [{ what: 'slow', ms: 1_500, chance: 0.3 }],
} satisfies Partial<Record<TroubleKind, object[]>>

const isPanelFault = (kind: TroubleKind): kind is keyof typeof panelFaults => kind in panelFaults

/** Does to the system what the schedule says. Two things that would spoil each other go one after the other. */
export function createDeeds(site: Site, journal: Journal) {
  const { workers, apis, clocks, redis, panel, postgres, disk } = site
  const inTurn = createTurns()
  const pick = <T>(items: readonly T[], nth: number) => items[nth % items.length] as T

  /** Something that befalls a program: only one thing at a time. */
  const befall = (kind: TroubleKind, program: Program, work: () => Promise<unknown>) =>
    inTurn(program.name, () => journal.record(kind, ` (${program.name})`, work))

  return async function happen({ kind, nth, stretch, step }: Trouble): Promise<void> {
    const seconds = (usual: number) => usual * stretch * 1_000
    if (isPanelFault(kind)) {
      return journal.record(kind, '', async () => {
        const ids: number[] = []
        for (const fault of panelFaults[kind]) ids.push(await tellPanel('faults/add', fault))
        await sleep(seconds(6))
        for (const id of ids) await tellPanel('faults/remove', id)
      })
    }
    switch (kind) {
      case 'kill a worker': {
        const worker = pick(workers, nth)
        return befall(kind, worker, () => worker.end('SIGKILL'))
      }
      case 'kill an API': {
        const api = pick(apis, nth)
        return befall(kind, api, () => api.end('SIGKILL'))
      }
      case 'freeze a worker for longer than its lease': {
        const worker = pick(workers, nth)
        return befall(kind, worker, () =>
          worker.freeze((site.options.leaseSeconds + 1 + stretch * 3) * 1_000),
        )
      }
      case 'freeze an API': {
        const api = pick(apis, nth)
        return befall(kind, api, () => api.freeze(seconds(6)))
      }
      case 'flush the queue':
        return journal.record(kind, '', site.flush)
      case 'kill Redis':
      case 'stop and start Redis':
        if (redis === undefined) return journal.lacks(kind, 'the queue rides in PostgreSQL')
        return befall(kind, redis, () => redis.end(kind === 'kill Redis' ? 'SIGKILL' : 'SIGTERM'))
      case 'stop PostgreSQL at once':
        return inTurn('postgres', () => journal.record(kind, '', postgres.restart))
      case 'fill the disk of PostgreSQL':
        if (disk === undefined)
          return journal.lacks(kind, `no small disk can be mounted: ${site.diskMissing}`)
        return inTurn('postgres', () =>
          journal.record(kind, '', async () => {
            await disk.fill()
            await sleep(seconds(6))
            await disk.free()
            await postgres.answers()
          }),
        )
      case 'step the clock of a worker': {
        if (clocks.length === 0)
          return journal.lacks(kind, 'libfaketime is not installed (apt-get install faketime)')
        const { worker, clock } = pick(clocks, nth)
        return journal.record(kind, ` (${worker} by ${step})`, () => clock.step(step))
      }
      case 'stop and start the IPAM':
        return befall(kind, panel, () => panel.end('SIGTERM'))
      case 'freeze the IPAM':
        return befall(kind, panel, () => panel.freeze(seconds(5)))
    }
  }

  /** The panel may just be away. */
  function tellPanel(path: string, ...args: unknown[]): Promise<number> {
    return until(
      `the IPmanager takes ${path}`,
      async () => {
        try {
          return { result: await site.panelControl(path, ...args) }
        } catch {
          return undefined
        }
      },
      60_000,
    ).then(({ result }) => result)
  }
}
