import type { Address } from './address.ts'
import type { TheirEntry } from './findings.ts'
import type { FindingAction } from './reconcile-settings.ts'
import type { OperationPayload } from './service-state.ts'
import type { Stamp } from './stamp.ts'
import type { OperationKind } from './states.ts'

/** As much of a finding as what is done about it rests on. */
export interface ActedUpon {
  id: string
  action: FindingAction
  address: Address | null
  service: string | null
  assignment: string | null
  theirs: unknown
}

/** An operation that a finding led to. */
export interface FindingOperation {
  id: string
  finding: string
  epoch: 0
  kind: OperationKind
  cause: string
  service?: string | null
  assignment?: string | null
  connection?: string
  payload: OperationPayload
  stamp?: Stamp
}

/** The ordinary operation that does what a finding wants done; `retry` needs none. */
export function operationFor(
  finding: ActedUpon,
  { connection, newId, now }: { connection: string; newId: () => string; now: number },
): FindingOperation {
  const { service, assignment } = finding
  const address = finding.address ?? ''
  const theirs = finding.theirs as TheirEntry | null
  const common = { id: newId(), finding: finding.id, epoch: 0 as const, cause: `finding:${finding.id}` }
  switch (finding.action) {
    case 'unassign':
      return { ...common, kind: 'release', service, payload: { address, stray: true } }
    case 'release': {
      const marker = theirs?.marker
      const payload = { address, ...(marker === undefined ? {} : { marker }) }
      return { ...common, kind: 'release', connection, payload }
    }
    case 'import':
      // An ordinary change to the name that the IPAM has: the latest word, unless billing says something later.
      return {
        ...common,
        kind: 'ptr',
        service,
        payload: { address, ptr: theirs?.ptr ?? null },
        stamp: { t: now, s: 'ipbridge:reconciliation' },
      }
    case 'adopt':
      return {
        ...common,
        kind: 'allocate',
        service,
        assignment,
        payload: { adopt: true, ...(theirs?.lost && theirs.marker ? { from: theirs.marker } : {}) },
      }
    case 'ptr':
      return { ...common, kind: 'ptr', service, assignment, payload: {} }
    default:
      return { ...common, kind: 'allocate', service, assignment, payload: {} }
  }
}
