import { z } from 'zod'
import type { Difference, Expectations, FindingClass, OurEntry, TheirEntry } from './findings.ts'
import { isOwnerRight } from './findings.ts'
import { HostnameError, normalizeHostname } from './hostname.ts'

/**
 * What is to be done about a class of findings. `ignore`: it is not looked for · `report`: it is told ·
 * `adopt`: what is there is marked as ours · `fix-ours`: the ledger takes over what the other side says ·
 * `fix-theirs`: the other side is made to say what the ledger says
 */
export type Policy = 'ignore' | 'report' | 'adopt' | 'fix-ours' | 'fix-theirs'
export type Policies = Record<FindingClass, Policy>

/** Which policies each class takes; the first one is the default. */
export const policiesOf = {
  missing: ['fix-theirs', 'report', 'ignore'],
  foreign: ['report', 'adopt', 'ignore'],
  orphan: ['fix-theirs', 'report', 'ignore'],
  lost: ['report', 'fix-theirs', 'ignore'],
  unknown: ['report', 'ignore'],
  ptr: ['fix-theirs', 'fix-ours', 'report', 'ignore'],
  owner: ['report', 'fix-theirs', 'ignore'],
  conflict: ['report', 'fix-theirs', 'ignore'],
  stuck: ['report', 'fix-ours', 'ignore'],
  stray: ['report', 'fix-theirs', 'ignore'],
  unconfigured: ['report', 'fix-theirs', 'ignore'],
  unbilled: ['report', 'ignore'],
} as const satisfies Record<FindingClass, readonly Policy[]>

const policy = <T extends Policy>(accepted: readonly [T, ...T[]]) =>
  z
    .enum(accepted, `must be one of ${accepted.join(', ')}`)
    .optional()
    .meta({ description: `default: ${accepted[0]}` })

/** `options.reconcile` of a connection. */
export const reconcileSettings = z.strictObject({
  policies: z
    .strictObject({
      missing: policy(policiesOf.missing),
      foreign: policy(policiesOf.foreign),
      orphan: policy(policiesOf.orphan),
      lost: policy(policiesOf.lost),
      unknown: policy(policiesOf.unknown),
      ptr: policy(policiesOf.ptr),
      owner: policy(policiesOf.owner),
      conflict: policy(policiesOf.conflict),
      stuck: policy(policiesOf.stuck),
      stray: policy(policiesOf.stray),
      unconfigured: policy(policiesOf.unconfigured),
      unbilled: policy(policiesOf.unbilled),
    })
    .optional(),
  firstPtrs: z.enum(['import', 'as-usual'], 'must be import or as-usual').optional().meta({
    description: 'whether PTRs are taken from the IPAM until that was applied once; default: import',
  }),
  groups: z
    .array(z.string().min(1).max(100))
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'the groups or pools that our addresses may come from; default: any' }),
  maxReleases: z
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .meta({ description: 'so many addresses may one plan give back in any case; default: 10' }),
  maxReleasePercent: z
    .number()
    .min(0)
    .max(100)
    .optional()
    .meta({ description: 'or so many percent of ours, where that is more; default: 2' }),
  stuckHours: z
    .number()
    .min(0.1)
    .max(8_760)
    .optional()
    .meta({ description: 'after so many hours an operation that has not ended is stuck; default: 24' }),
})
export type ReconcileSettings = z.output<typeof reconcileSettings>

/**
 * The policy of each class.
 * @param isFirst the IPAM's PTRs have not been taken over yet
 */
export function policiesIn({ policies = {}, firstPtrs }: ReconcileSettings, isFirst: boolean): Policies {
  const chosen = Object.fromEntries(
    Object.entries(policiesOf).map(([name, [usual]]) => [name, policies[name as FindingClass] ?? usual]),
  ) as Policies
  const imports = isFirst && firstPtrs !== 'as-usual' && chosen.ptr === 'fix-theirs'
  return imports ? { ...chosen, ptr: 'fix-ours' } : chosen
}

/** What a record of ours must look like in an IPAM. */
export function expectationsOf(ipam: {
  conflictPtr: string
  login: string | undefined
  reconcile: ReconcileSettings
  driver: { abilities: { ptr: boolean } }
}): Expectations {
  const { conflictPtr, login, reconcile, driver } = ipam
  return { conflictPtr, login, groups: reconcile.groups, ptrs: driver.abilities.ptr }
}

/** The most addresses that one plan may give back. @param ours how many the ledger has in that IPAM */
export function releaseCap(settings: ReconcileSettings, ours: number): number {
  const { maxReleases = 10, maxReleasePercent = 2 } = settings
  return Math.max(maxReleases, Math.floor((ours * maxReleasePercent) / 100))
}

/**
 * What applying the plan would do: an operation that allocates, releases or names the address, takes over the name
 * that the IPAM has (`import`), marks the record as ours (`adopt`), tries an operation again (`retry`), or takes the
 * address off a guest (`unassign`); or nothing but tell (`report`).
 */
export type FindingAction =
  | 'allocate'
  | 'release'
  | 'ptr'
  | 'import'
  | 'adopt'
  | 'retry'
  | 'unassign'
  | 'report'

/** What takes an address from somebody: two runs in a row must agree on it, and a plan does only so many. */
export const takingActions: readonly FindingAction[] = ['release', 'unassign']

/** What a policy comes to for a difference; `report` where it cannot be done. */
export function actionFor(
  difference: Difference,
  policies: Policies,
  can: { claim: boolean; expected: Expectations },
): FindingAction {
  const policy = policies[difference.class]
  if (policy === 'report' || policy === 'ignore') return 'report'
  switch (difference.class) {
    case 'missing':
      return 'allocate'
    case 'unconfigured':
      // A guest that is gone is not made again.
      return (difference.theirs as { guest: string | null }).guest === null ? 'report' : 'allocate'
    case 'orphan':
    case 'lost':
      return 'release'
    case 'ptr':
      if (policy === 'fix-theirs') return 'ptr'
      return isName((difference.theirs as TheirEntry).ptr) ? 'import' : 'report'
    case 'conflict':
      return isOurRecord(difference as Difference<OurEntry, TheirEntry>) ? 'ptr' : 'report'
    case 'foreign':
    case 'owner':
      return isClaimable(difference as Difference<OurEntry, TheirEntry>, can) ? 'adopt' : 'report'
    case 'stuck':
      return (difference.ours as { state: string }).state === 'failed' ? 'retry' : 'report'
    case 'stray':
      return difference.serviceId === undefined ? 'report' : 'unassign'
    case 'unknown':
    case 'unbilled':
      return 'report'
  }
}

/** Of an address in conflict the record is the claimant's, until an operator decides. */
function isOurRecord({ ours, theirs }: Difference<OurEntry, TheirEntry>): boolean {
  return ours !== null && ours.marker === theirs?.marker
}

/**
 * A record can be made ours where nobody else owns it and its marker is nobody's, or one that a restored ledger has
 * forgotten; or where it is marked as ours.
 */
function isClaimable(
  { class: kind, ours, theirs }: Difference<OurEntry, TheirEntry>,
  { claim, expected }: { claim: boolean; expected: Expectations },
): boolean {
  if (!claim || ours === null || theirs === null) return false
  const isRight = isOwnerRight(ours, theirs, expected)
  const isNobodys = theirs.marker === undefined || theirs.lost === true
  return kind === 'foreign' ? isNobodys && isRight : !isRight
}

function isName(ptr: string | undefined): boolean {
  if (ptr === undefined) return true
  try {
    return normalizeHostname(ptr) !== ''
  } catch (error) {
    if (error instanceof HostnameError) return false
    throw error
  }
}
