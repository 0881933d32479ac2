import pLimit from 'p-limit'
import type { LedgerEntries, Sight } from '../db/ledger-entries.ts'
import type { Address } from '../domain/address.ts'
import { compareEntries, type Meaning, type RecordDifference, type TheirEntry } from '../domain/findings.ts'
import type { Marker } from '../domain/marker.ts'
import { expectationsOf } from '../domain/reconcile-settings.ts'
import type { IpamRecord } from '../ipam/driver.ts'
import type { Ipam } from '../queue/ports.ts'

/** An address at which the two sides seem to differ. */
export interface Candidate {
  address: Address
  /** What the IPAM listed there. */
  listed: TheirEntry | undefined
  /** The list is believed: the IPAM is not asked again. */
  believed?: boolean
}

/** What a second look at an address came to. */
export interface SecondLook {
  /** They do differ. */
  difference: RecordDifference | undefined
  /** They agree, and the list was wrong: it left an address out that was there since before `listedSince`. */
  omitted: boolean
}

export type LookAgain = ReturnType<typeof createLookAgain>

/** How many records are read at the same time. */
const atOnce = 10

/**
 * Looks at addresses a second time, one by one. Work goes on while lists are read: what they seem to differ in may
 * only just have been allocated, changed or released. So the ledger is asked before the IPAM and after it, and only
 * what stood still there in the meantime is told.
 */
export function createLookAgain(entries: LedgerEntries) {
  return async (
    ipam: Ipam,
    candidates: Candidate[],
    listedSince: Date,
    signal: AbortSignal,
  ): Promise<SecondLook[]> => {
    const { connectionId, driver } = ipam
    const expected = expectationsOf(ipam)
    const addresses = candidates.map(candidate => candidate.address)
    const markersOf = (records: (TheirEntry | undefined)[]) => records.flatMap(record => record?.marker ?? [])

    const sightsBefore = await entries.at(connectionId, addresses)
    const meaningsBefore = await entries.meanings(markersOf(candidates.map(({ listed }) => listed)))
    const limit = pLimit(atOnce)
    const records = await Promise.all(
      candidates.map(({ address, listed, believed }) =>
        limit(async () => {
          signal.throwIfAborted()
          return believed ? listed : withoutNetwork(await driver.read(address, signal))
        }),
      ),
    )
    const sights = await entries.at(connectionId, addresses)
    const meanings = await entries.meanings(markersOf(records))

    return candidates.map(({ address, listed }, index): SecondLook => {
      const [before, now] = [sightsBefore.get(address), sights.get(address)]
      const record = records[index]
      if (!stoodStill(before, now)) return { difference: undefined, omitted: false }
      const meaningOf = (marker: Marker): Meaning => {
        const meaning = meanings.get(marker) ?? 'orphan'
        // A marker that has come since the first look belongs to work that was not over then.
        return meaningsBefore.get(marker) === meaning ? meaning : 'in flight'
      }
      const difference = compareEntries(now?.entry, record, meaningOf, expected)
      const isThere = difference === undefined && record !== undefined && now?.entry !== undefined
      const isHidden = record?.pool !== undefined && ipam.hiddenTypes.includes(record.pool)
      const since = now?.assignedAt
      return {
        difference,
        omitted: isThere && !listed && !isHidden && since !== undefined && since < listedSince,
      }
    })
  }
}

/** Whether nothing was under way for the address at two looks, nor between them. */
function stoodStill(before: Sight | undefined, now: Sight | undefined): boolean {
  if (before?.busy || now?.busy) return false
  return before?.entry?.assignmentId === now?.entry?.assignmentId && before?.work === now?.work
}

/** What is compared and kept of a record: not how to use the address. */
function withoutNetwork(record: IpamRecord | undefined): TheirEntry | undefined {
  if (record === undefined) return undefined
  const { network: _, ...entry } = record
  return entry
}
