import { billmanager } from '../../src/billing/billmanager/driver.ts'
import { billingCores } from '../../src/billing/cores.ts'
import { createDeliverer } from '../../src/billing/deliverer.ts'
import { sendWebhook } from '../../src/billing/webhook.ts'
import { createDeliveries } from '../../src/db/deliveries.ts'
import { createImports } from '../../src/db/imports.ts'
import { createLedgerEntries } from '../../src/db/ledger-entries.ts'
import { createLedgerGuests } from '../../src/db/ledger-guests.ts'
import { createLedgerServices } from '../../src/db/ledger-services.ts'
import { createNotes } from '../../src/db/notes.ts'
import { createOperations } from '../../src/db/operations.ts'
import { createProblems } from '../../src/db/problems.ts'
import { createReconciliations } from '../../src/db/reconciliations.ts'
import { createRegistry } from '../../src/db/registry.ts'
import { createReservations } from '../../src/db/reservations.ts'
import { createStuck } from '../../src/db/stuck.ts'
import { createTurns } from '../../src/db/turns.ts'
import { createDesk } from '../../src/desk/desk.ts'
import { createForwardLook } from '../../src/dns/forward.ts'
import { createIntake } from '../../src/intake/intake.ts'
import { builtinIpam } from '../../src/ipam/builtin/driver.ts'
import { createBuiltinStore } from '../../src/ipam/builtin/store.ts'
import { type IpamFactory, ipamConnections } from '../../src/ipam/connections.ts'
import { ipmanager } from '../../src/ipam/ipmanager/driver.ts'
import { createLog } from '../../src/log.ts'
import { knownGuest } from '../../src/panels/known-guest.ts'
import { noPanel } from '../../src/panels/none.ts'
import { type PanelFactory, serverPanels } from '../../src/panels/servers.ts'
import { createRunner } from '../../src/queue/runner.ts'
import { createGuests } from '../../src/reconciliation/guests.ts'
import { createLookAgain } from '../../src/reconciliation/look-again.ts'
import { createRecheck } from '../../src/reconciliation/recheck.ts'
import { createUnbilled } from '../../src/reconciliation/unbilled.ts'
import { allocate } from '../../workers/allocate.ts'
import { ptr } from '../../workers/ptr.ts'
import { reconcile } from '../../workers/reconcile.ts'
import { release } from '../../workers/release.ts'
import type { TestApp } from '../helpers/app.ts'

export type Worker = ReturnType<typeof createWorker>

export interface Drivers {
  ipams: Record<string, IpamFactory>
  panels: Record<string, PanelFactory>
}

const log = createLog('silent')

/**
 * What a process is made of, as src/app.ts does it, but for its queue: a notification that costs only time when it is
 * lost. It knows nothing of what others like it have known: only the database is shared.
 */
export function createWorker({ db, vault, clock, pools }: TestApp, drivers: Drivers) {
  const announcer = { announce: async () => {}, forget: async () => {} }
  const registry = createRegistry(db, vault)
  const operations = createOperations(db, { worker: 'mortal', leaseSeconds: 60 })
  const intake = createIntake({ db, clock, announce: announcer.announce })
  const store = createBuiltinStore(db)
  const notes = createNotes(db)
  const turns = createTurns(db, { worker: 'mortal' })
  const onSpace = () => {}
  const ipams = ipamConnections({
    registry,
    problems: createProblems(db),
    log,
    drivers: {
      builtin: ({ id }) => builtinIpam({ connection: id, store, pools, onSpace }),
      ipmanager: connection => ipmanager(connection, { notes, turns }),
      ...drivers.ipams,
    },
  })
  const panels = serverPanels({ registry, drivers: { none: noPanel, ...drivers.panels } })
  const deliveries = createDeliveries(db, vault)
  const billings = billingCores({ deliveries, drivers: { billmanager } })
  const senders = { webhook: sendWebhook, ...billings.senders }
  const deliverer = createDeliverer({ deliveries, senders, log })

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
    lookForward: createForwardLook(),
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
    clock,
    log,
  })
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

  return {
    intake,
    desk,
    deliverer,
    operations,
    runner,
    close: () => runner.close(),
  }
}
