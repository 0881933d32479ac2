import type { Address } from './address.ts'
import type { Marker } from './marker.ts'

/** A live assignment with an address, as reconciliation compares it. */
export interface OurEntry {
  assignmentId: string
  serviceId: string
  slot: string
  address: Address
  marker: Marker
  ptr: string | null
  /** The pool that it was ordered from, where the order named one. */
  pool?: string
}

/** A record that the IPAM holds. */
export interface TheirEntry {
  address: Address
  marker?: Marker
  ptr?: string
  owner?: string
  pool?: string
  /** The marker is of an assignment that this ledger never had. */
  lost?: true
}

/**
 * What differs. Between the ledger and the IPAM:
 * `missing`: ours, but free in the IPAM · `foreign`: ours, but the record is not marked as ours ·
 * `orphan`: carries our marker without a live assignment · `lost`: carries a marker that ipbridge made, but not with
 * this ledger, or not as it is since it was restored · `unknown`: held, and we know nothing of it ·
 * `ptr`: the names differ · `owner`: the owner or the group differs · `conflict`: marked with the conflict PTR.
 * Elsewhere: `stuck`: an operation that has not come to its end · `stray`: configured on a guest, but not
 * assigned to its service · `unconfigured`: assigned, but not on the service's guest · `unbilled`: a live service that
 * billing does not know
 */
export const findingClasses = [
  'missing',
  'foreign',
  'orphan',
  'lost',
  'unknown',
  'ptr',
  'owner',
  'conflict',
  'stuck',
  'stray',
  'unconfigured',
  'unbilled',
] as const
export type FindingClass = (typeof findingClasses)[number]

/** One difference. What `ours` and `theirs` say depends on the class; both are shown to people as they are. */
export interface Difference<Ours = unknown, Theirs = unknown> {
  class: FindingClass
  address: Address | null
  serviceId?: string
  assignmentId?: string
  ours: Ours | null
  theirs: Theirs | null
}

/** A difference between an assignment and a record of the IPAM. */
export type RecordDifference = Difference<OurEntry, TheirEntry> & { address: Address }

/** What a record of ours must look like. */
export interface Expectations {
  /** The PTR that marks conflicts. */
  conflictPtr: string
  /** Whether the IPAM keeps PTRs. */
  ptrs: boolean
  /** The account that we ask for addresses with: some IPAMs show it as the owner. */
  login?: string | undefined
  /** The groups that our addresses may come from; undefined: any. */
  groups?: readonly string[] | undefined
}

/** What a marker without a live assignment at its address means; `orphan` where nothing else is known of it. */
export type Meaning = 'orphan' | 'lost' | 'conflict' | 'in flight'

/** Compares the two sides at one address. What a marker without a live assignment means, the caller knows. */
export function compareEntries(
  ours: OurEntry | undefined,
  theirs: TheirEntry | undefined,
  meaningOf: (marker: Marker) => Meaning,
  expected: Expectations,
): RecordDifference | undefined {
  const address = (ours ?? theirs)?.address
  if (address === undefined) return undefined
  const who = ours ? { serviceId: ours.serviceId, assignmentId: ours.assignmentId } : {}
  const differ = (kind: FindingClass): RecordDifference => ({
    class: kind,
    address,
    ...who,
    ours: ours ?? null,
    theirs: theirs ?? null,
  })
  if (theirs === undefined) return differ('missing')
  const isMarked = samePtr(theirs.ptr, expected.conflictPtr)
  if (ours === undefined) {
    if (theirs.marker === undefined) return differ(isMarked ? 'conflict' : 'unknown')
    const meaning = meaningOf(theirs.marker)
    return meaning === 'in flight' ? undefined : differ(meaning)
  }
  if (theirs.marker !== ours.marker) {
    const meaning = theirs.marker === undefined ? undefined : meaningOf(theirs.marker)
    if (meaning === 'conflict') return differ('conflict')
    return meaning === 'lost'
      ? { ...differ('foreign'), theirs: { ...theirs, lost: true } }
      : differ('foreign')
  }
  if (expected.ptrs && !samePtr(theirs.ptr, ours.ptr)) return differ(isMarked ? 'conflict' : 'ptr')
  return isOwnerRight(ours, theirs, expected) && isGroupRight(ours, theirs, expected)
    ? undefined
    : differ('owner')
}

/** Whether the record belongs to the service, to our account, or says nothing about it. */
export function isOwnerRight(ours: OurEntry, { owner }: TheirEntry, { login }: Expectations): boolean {
  return owner === undefined || owner === login || owner === ownerOf(ours)
}

/** What a record that is requested for an assignment has as its owner, where the IPAM keeps what we say. */
export function ownerOf({ serviceId, slot }: Pick<OurEntry, 'serviceId' | 'slot'>): string {
  return `${serviceId} ${slot}`
}

function isGroupRight(ours: OurEntry, { pool }: TheirEntry, { groups }: Expectations): boolean {
  const right = ours.pool === undefined ? groups : [ours.pool]
  return pool === undefined || right === undefined || right.includes(pool)
}

function samePtr(a: string | null | undefined, b: string | null | undefined): boolean {
  const plain = (name: string | null | undefined) => (name ?? '').toLowerCase().replace(/\.$/, '')
  return a === b || plain(a) === plain(b)
}

/** What makes two findings of different runs, or of one run that began twice, the same one. */
export function subjectOf({ class: kind, address, theirs }: RecordDifference): string {
  return [kind, address, ...(theirs?.marker === undefined ? [] : [theirs.marker])].join(' ')
}
