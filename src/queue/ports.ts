import type { Reservations } from '../db/reservations.ts'
import type { LookForward } from '../dns/forward.ts'
import type { ForwardCheck } from '../domain/forward-check.ts'
import type { ReconcileSettings } from '../domain/reconcile-settings.ts'
import type { IpamDriver } from '../ipam/driver.ts'
import type { PanelDriver } from '../panels/driver.ts'
import type { Run } from './run.ts'

/** An IPAM connection as the processors use it. */
export interface Ipam {
  connectionId: string
  /** The connection's name. */
  name: string
  addressSpace: string
  conflictPtr: string
  /** The account that it is asked with. */
  login: string | undefined
  /** Groups that are left out of its list. */
  hiddenTypes: readonly string[]
  /** What reconciliation does there, as the connection's options say. */
  reconcile: ReconcileSettings
  /** Whether names must lead back to their addresses. */
  forwardCheck: ForwardCheck
  driver: IpamDriver
  /** The pools that the service's server is limited to. */
  pools: readonly string[] | undefined
}

/** What the four processors are given. */
export interface Ports {
  reservations: Reservations
  /** The IPAM that an operation is about. */
  ipamOf(run: Run): Promise<Ipam>
  /** The panel of the service's server. */
  panelOf(run: Run): Promise<PanelDriver>
  /** Asks DNS where a name leads. */
  lookForward: LookForward
}
