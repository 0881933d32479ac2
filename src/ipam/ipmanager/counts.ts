import type { ConnectionCheck } from '../driver.ts'
import type { Books } from './books.ts'
import { contains } from './networks.ts'
import type { Rights } from './rights.ts'
import type { Row } from './row.ts'

type Pool = ConnectionCheck['pools'][number]

export interface Counts {
  pools: Pool[]
  /** One row as the administrator sees it, if there is any. */
  listed: Row | undefined
}

/** Counts what is used and free, group by group; IPv4 and IPv6 by themselves where a group has both. */
export async function countGroups(
  books: Books,
  { ranges, groups }: Rights,
  signal: AbortSignal,
): Promise<Counts> {
  const tallies = new Map<string, Tally>()
  let listed: Row | undefined
  if (ranges === undefined) for (const group of groups ?? []) tallies.set(group, { used: 0, waiting: 0 })
  for (const range of ranges ?? []) tallies.set(nameOf(range, ranges ?? []), { used: 0, waiting: 0 })

  for await (const rows of books.all(ranges === undefined ? 'own' : 'everybodys', signal)) {
    listed ??= rows[0]
    for (const row of rows) {
      const name = ranges === undefined ? row.group : placeOf(ranges, row)
      const tally = name === undefined ? undefined : tallies.get(name)
      if (tally === undefined) continue
      if (row.state === 'held') tally.used += 1
      else if (row.state !== 'free') tally.waiting += 1
    }
  }
  const pools = [...tallies].map(([name, { used, waiting }]) => {
    // Where ranges are not told, only what is used is known.
    const total = ranges === undefined ? BigInt(used + waiting) : sizeOf(ranges, name)
    return { name, total: `${total}`, used, quarantined: waiting, free: `${total - BigInt(used + waiting)}` }
  })
  return { pools, listed }
}

type Ranges = NonNullable<Rights['ranges']>

interface Tally {
  used: number
  /** Checked or blocked. */
  waiting: number
}

function nameOf({ group, range }: Ranges[number], all: Ranges): string {
  const isMixed = all.some(other => other.group === group && other.range.family !== range.family)
  return isMixed ? `${group} IPv${range.family}` : group
}

function placeOf(ranges: Ranges, { address, group }: Row): string | undefined {
  const around = ranges.filter(({ range }) => contains(range, address))
  const found = around.find(one => one.group === group) ?? around[0]
  return found && nameOf(found, ranges)
}

/** How many addresses are in the ranges of that name; those that two ranges share count once. */
function sizeOf(ranges: Ranges, name: string): bigint {
  let size = 0n
  let next = 0n
  const own = ranges.filter(one => nameOf(one, ranges) === name).map(({ range }) => range)
  for (const { first, last } of own.sort((a, b) => (a.first < b.first ? -1 : 1))) {
    const from = first > next ? first : next
    if (last < from) continue
    size += last - from + 1n
    next = last + 1n
  }
  return size
}
