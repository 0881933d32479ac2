import { assemble } from '../../src/app.ts'
import { createOperations } from '../../src/db/operations.ts'
import { createIntake } from '../../src/intake/intake.ts'
import { createBuiltinStore } from '../../src/ipam/builtin/store.ts'
import type { IpamFactory } from '../../src/ipam/connections.ts'
import { createLog } from '../../src/log.ts'
import type { PanelFactory } from '../../src/panels/servers.ts'
import type { TestApp } from '../helpers/app.ts'

export type Worker = ReturnType<typeof createWorker>

export interface Drivers {
  ipams: Record<string, IpamFactory>
  panels: Record<string, PanelFactory>
}

const log = createLog('silent')

/**
 * What a process is made of, but for its queue: a notification that costs only time when it is lost. It knows nothing
 * of what others like it have known: only the database is shared.
 */
export function createWorker({ db, vault, clock, pools }: TestApp, drivers: Drivers) {
  const worker = 'mortal'
  const announcer = { announce: async () => {}, forget: async () => {} }
  const operations = createOperations(db, { worker, leaseSeconds: 60 })
  const intake = createIntake({ db, clock, announce: announcer.announce })
  const store = createBuiltinStore(db)
  const [onSpace, onParked] = [() => {}, () => {}]
  const { desk, deliverer, runner } = assemble(
    { db, vault, clock, log, worker, announcer, operations, intake, store, pools, onSpace, onParked },
    { ipamDrivers: drivers.ipams, panelDrivers: drivers.panels },
  )
  return { intake, desk, deliverer, operations, runner, close: () => runner.close() }
}
