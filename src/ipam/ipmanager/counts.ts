import type { ConnectionCheck } from '../driver.ts'
import type { Books } from './books.ts'
import { contains, type Range } from './networks.ts'
import type { Rights } from './rights.ts'
import type { Row } from './row.ts'

type Pool = ConnectionCheck['pools'][number]

/**
 * Counts what is used and free, group by group.
 * @returns and one row as the administrator sees it, if there is any
 */
export async function countGroups(
  books: Books,
  { ranges, groups }: Rights,
  signal: AbortSignal,
): Promise<{ pools: Pool[]; listed: Row | undefined }> {
  const tallies = new Map<string, { used: number; waiting: number }>()
  let listed: Row | undefined
  for (const group of groups ?? []) tallies.set(group, { used: 0, waiting: 0 })
  for (const { group } of ranges ?? []) tallies.set(group, { used: 0, waiting: 0 })

  for await (const rows of books.all(ranges === undefined ? 'own' : 'everybodys', signal)) {
    listed ??= rows[0]
    for (const row of rows) {
      const group = ranges === undefined ? row.group : groupAt(ranges, row)
      const tally = group === undefined ? undefined : tallies.get(group)
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

function groupAt(ranges: NonNullable<Rights['ranges']>, { address, group }: Row): string | undefined {
  const around = ranges.filter(({ range }) => contains(range, address))
  return (around.find(one => one.group === group) ?? around[0])?.group
}

/** How many addresses are in the ranges of a group; those that two ranges share count once. */
function sizeOf(ranges: NonNullable<Rights['ranges']>, name: string): bigint {
  const own = ranges.filter(({ group }) => group === name).map(({ range }) => range)
  const sizes = ([4, 6] as const).map(family => sizeOfUnion(own.filter(range => range.family === family)))
  return sizes.reduce((sum, size) => sum + size, 0n)
}

function sizeOfUnion(ranges: Range[]): bigint {
  let size = 0n
  let next = 0n
  for (const { first, last } of ranges.sort((a, b) => (a.first < b.first ? -1 : 1))) {
    const from = first > next ? first : next
    if (last < from) continue
    size += last - from + 1n
    next = last + 1n
  }
  return size
}
