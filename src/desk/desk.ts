import type { BillingCores } from '../billing/cores.ts'
import type { Sender } from '../billing/webhook.ts'
import type { Db } from '../db/client.ts'
import type { Deliveries } from '../db/deliveries.ts'
import type { Imports } from '../db/imports.ts'
import type { Reconciliations } from '../db/reconciliations.ts'
import type { Vault } from '../db/vault.ts'
import type { Intake } from '../intake/intake.ts'
import type { PoolDesk as PoolBooks } from '../ipam/builtin/pools.ts'
import type { Space } from '../ipam/builtin/store.ts'
import type { IpamConnections } from '../ipam/connections.ts'
import type { ServerPanels } from '../panels/servers.ts'
import type { Announcer } from '../queue/announcer.ts'
import type { Recheck } from '../reconciliation/recheck.ts'
import { addressDesk } from './addresses.ts'
import { billingDesk } from './billings.ts'
import { confirmationDesk } from './confirmations.ts'
import { conflictDesk } from './conflicts.ts'
import { connectionDesk } from './connections.ts'
import { healthDesk } from './health.ts'
import { importDesk } from './imports.ts'
import { journalDesk } from './journals.ts'
import { operationDesk } from './operations.ts'
import { planDesk } from './plans.ts'
import { poolDesk } from './pools.ts'
import { reconciliationDesk } from './reconciliations.ts'
import { reportDesk } from './reports.ts'
import { sealDesk } from './seals.ts'
import { serverDesk } from './servers.ts'
import { serviceDesk } from './services.ts'
import { tokenDesk } from './tokens.ts'
import { webhookDesk } from './webhooks.ts'

export type Desk = ReturnType<typeof createDesk>

/** Everything that people can see and do, for the API and the command line alike. Each change is audited. */
export function createDesk(options: {
  db: Db
  vault: Vault
  intake: Intake
  announcer: Announcer
  ipams: IpamConnections
  panels: ServerPanels
  pools: PoolBooks
  reconciliations: Reconciliations
  recheck: Recheck
  deliveries: Deliveries
  billings: BillingCores
  imports: Imports
  sendWebhook: Sender
  onSpace: (space: Space) => void
}) {
  const addresses = addressDesk({ ...options, confirmations: confirmationDesk(options) })
  return {
    addresses,
    billings: billingDesk(options),
    conflicts: conflictDesk(options),
    connections: connectionDesk(options),
    health: healthDesk(options),
    imports: importDesk(options),
    journals: journalDesk(options),
    operations: operationDesk(options),
    pools: poolDesk(options),
    reconciliations: { ...reconciliationDesk(options), ...reportDesk(options), ...planDesk(options) },
    seals: sealDesk(options),
    servers: serverDesk(options),
    services: serviceDesk({ ...options, addresses }),
    tokens: tokenDesk(options),
    webhooks: webhookDesk(options),
  }
}
