import { createHash } from 'node:crypto'
import stringify from 'safe-stable-stringify'
import { type Address, compareAddresses } from './address.ts'
import type { Marker } from './marker.ts'

/** A live assignment with an address, as reconciliation compares it. */
export interface OurEntry {
  assignmentId: string
  serviceId: string
  address: Address
  marker: Marker
  ptr: string | null
}

/** A record that the IPAM holds. */
export interface TheirEntry {
  address: Address
  marker?: Marker
  ptr?: string
  owner?: string
}

/**
 * What differs.
 * `missing`: ours, but free in the IPAM · `foreign`: ours, but the record is not marked as ours ·
 * `orphan`: carries our marker without a live assignment · `unknown`: held, and we know nothing of it ·
 * `ptr`: the names differ · `conflict`: marked with the conflict PTR, waiting for a decision
 */
export const findingClasses = ['missing', 'foreign', 'orphan', 'unknown', 'ptr', 'conflict'] as const
export type FindingClass = (typeof findingClasses)[number]

/** What applying the plan would do: an operation of that kind, or nothing but tell. */
export type FindingAction = 'allocate' | 'release' | 'ptr' | 'report'

export interface Difference {
  class: FindingClass
  address: Address
  serviceId?: string
  assignmentId?: string
  ours: OurEntry | null
  theirs: TheirEntry | null
}

/** Compares the two sides at one address. What a marker without a live assignment means, the caller knows. */
export function compareEntries(
  ours: OurEntry | undefined,
  theirs: TheirEntry | undefined,
  meaningOf: (marker: Marker) => 'orphan' | 'conflict' | 'in flight',
): Difference | undefined {
  const address = (ours ?? theirs)?.address
  if (address === undefined) return undefined
  const who = ours ? { serviceId: ours.serviceId, assignmentId: ours.assignmentId } : {}
  const differ = (kind: FindingClass): Difference => ({
    class: kind,
    address,
    ...who,
    ours: ours ?? null,
    theirs: theirs ?? null,
  })
  if (theirs === undefined) return differ('missing')
  if (ours === undefined) {
    if (theirs.marker === undefined) return differ('unknown')
    const meaning = meaningOf(theirs.marker)
    return meaning === 'in flight' ? undefined : differ(meaning)
  }
  if (theirs.marker !== ours.marker) return differ('foreign')
  return (theirs.ptr ?? null) === ours.ptr ? undefined : differ('ptr')
}

/** Walks two lists that ascend by address side by side, holding one entry of each. */
export async function* sideBySide<A extends { address: Address }, B extends { address: Address }>(
  left: AsyncIterable<A>,
  right: AsyncIterable<B>,
): AsyncGenerator<{ left?: A; right?: B }> {
  const [lefts, rights] = [left[Symbol.asyncIterator](), right[Symbol.asyncIterator]()]
  let [a, b] = [await lefts.next(), await rights.next()]
  while (!a.done || !b.done) {
    const order = a.done ? 1 : b.done ? -1 : compareAddresses(a.value.address, b.value.address)
    yield {
      ...(order <= 0 && !a.done ? { left: a.value } : {}),
      ...(order >= 0 && !b.done ? { right: b.value } : {}),
    }
    const [moveLeft, moveRight] = [order <= 0, order >= 0]
    if (moveLeft) a = await lefts.next()
    if (moveRight) b = await rights.next()
  }
}

/** The most addresses that one plan may release: the larger of ten and two percent of what is compared. */
export function releaseCap(compared: number): number {
  return Math.max(10, Math.floor(compared * 0.02))
}

/**
 * What to do about a difference. An address is only given back when two runs in a row have seen it so.
 * @param streak how many runs in a row saw it, this one included
 */
export function actionFor(kind: FindingClass, streak: number): FindingAction {
  if (kind === 'missing') return 'allocate'
  if (kind === 'ptr') return 'ptr'
  return kind === 'orphan' && streak >= 2 ? 'release' : 'report'
}

/** What makes two findings of different runs the same one. */
export function streakKey(kind: string, address: Address, marker: string | undefined): string {
  return `${kind} ${address} ${marker ?? ''}`
}

/** Identifies a plan by what it says, so that what is applied is what was reviewed. */
export function planHash(
  findings: { class: string; address: string | null; action: string; ours: unknown; theirs: unknown }[],
): string {
  const lines = findings.map(f => stringify([f.class, f.address, f.action, f.ours, f.theirs]))
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex').slice(0, 16)
}
