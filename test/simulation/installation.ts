import { createLog } from '../../src/log.ts'
import { createDispatcher } from '../../src/queue/dispatcher.ts'
import { simulatedDesk } from './desk.ts'
import { inboxTable } from './inbox.ts'
import { simulatedBilling } from './intake.ts'
import { simulatedIpam } from './ipam.ts'
import { operationTable } from './operations.ts'
import type { World } from './outside.ts'
import { simulatedPanel } from './panel.ts'
import { simulatedPlans } from './plans.ts'
import { simulatedQueue } from './queue.ts'
import { reconciliationTable } from './reconciliations.ts'
import { reservationTable } from './reservations.ts'
import { createTables } from './tables.ts'
import { createWorker, simulatedConnection } from './worker.ts'

export type Installation = ReturnType<typeof createInstallation>

const log = createLog('silent')
const workerCount = 3

/** A whole installation of ipbridge, with an IPAM and two panels. */
export function createInstallation(world: World) {
  const { scheduler, defect } = world
  const tables = createTables()
  const operations = operationTable(tables, world)
  const reservations = reservationTable(tables, operations, scheduler.now, defect)
  const runs = reconciliationTable(world, tables.newId)
  const inbox = inboxTable(tables, scheduler.now)
  const ipam = simulatedIpam(world)
  const panels = new Map(['node1', 'node2'].map(name => [name, simulatedPanel(world, name)]))

  let born = 0
  const newWorker = () =>
    createWorker(
      world,
      { tables, runs, operations, reservations, ipam, panels, queue: () => queue },
      `worker ${++born}`,
    )
  const queue = simulatedQueue(world, () => workers)
  const workers = Array.from({ length: workerCount }, newWorker)
  const dispatcher = createDispatcher({
    operations: {
      recover: async () => operations.recover(),
      due: async limit => operations.due(limit),
    },
    announcer: queue,
    log,
  })

  return {
    tables,
    operations,
    runs,
    ipam,
    panels,
    queue,
    workers,
    billing: simulatedBilling(world, { tables, inbox, queue }),
    desk: simulatedDesk(world, { tables, queue }),
    plans: simulatedPlans(world, { tables, runs, ipam, panels, queue, ipamFor: simulatedConnection }),

    /** Another process takes a worker's place. */
    replaceWorker(index: number): void {
      workers[index] = newWorker()
    },

    /** The dispatcher looks every second, and less often where nothing has been due for long. */
    dispatch(longestMs: () => number): void {
      const { now } = scheduler
      const look = () => {
        const longest = longestMs()
        const dueMs = longest > 1_000 ? (operations.nextDue() ?? Number.POSITIVE_INFINITY) - now() : 0
        scheduler.after(Math.max(1_000, Math.min(dueMs, longest)), () => {
          const isDue = (operations.nextDue() ?? Number.POSITIVE_INFINITY) <= now()
          if (isDue && world.offUntil <= now()) void dispatcher.round().then(look)
          else look()
          return isDue
        })
      }
      look()
    },
  }
}
