import { type Address, familyOf, toBigInt } from './address.ts'

interface Entry {
  address: Address
}

/** Where an address stands in the order of PostgreSQL's `inet`: IPv4 before IPv6, then by value. */
type Place = number | bigint

export interface Placed<T> {
  place: Place
  entry: T
}

/** Numbers for IPv4, and bigints for IPv6 that are all larger: so a million addresses are compared in no time. */
function placeOf(address: Address): Place {
  if (familyOf(address) === 6) return toBigInt(address) + (1n << 64n)
  return address.split('.').reduce((value, part) => value * 256 + Number(part), 0)
}

/**
 * Passes on what ascends by address. What was given before, or comes too late, is told and left out.
 * @param options.after everything up to here is left out without a word: a list may begin from its start again
 * @param options.onFirst called when there is anything at all, before it is passed on
 */
export async function* ascending<T extends Entry>(
  list: AsyncIterable<T>,
  options: {
    after: Address | undefined
    onFirst?: () => void
    onRepeat?: (address: Address) => void
  },
): AsyncGenerator<Placed<T>> {
  const { after, onFirst, onRepeat } = options
  let last: Place = after === undefined ? -1 : placeOf(after)
  let begun = after === undefined
  let isFirst = true
  for await (const entry of list) {
    if (isFirst) onFirst?.()
    isFirst = false
    const place = placeOf(entry.address)
    if (place > last) {
      last = place
      begun = true
      yield { place, entry }
    } else if (begun) onRepeat?.(entry.address)
  }
}

/** Walks two lists that ascend by address side by side, holding one entry of each. */
export async function* sideBySide<A extends Entry, B extends Entry>(
  left: AsyncIterable<Placed<A>>,
  right: AsyncIterable<Placed<B>>,
): AsyncGenerator<{ address: Address; left?: A; right?: B }> {
  const [lefts, rights] = [left[Symbol.asyncIterator](), right[Symbol.asyncIterator]()]
  try {
    let [a, b] = [await lefts.next(), await rights.next()]
    while (!a.done || !b.done) {
      const takesLeft = !a.done && (b.done || a.value.place <= b.value.place) ? a.value.entry : undefined
      const takesRight = !b.done && (a.done || b.value.place <= a.value.place) ? b.value.entry : undefined
      const { address } = (takesLeft ?? takesRight) as Entry
      yield {
        address,
        ...(takesLeft === undefined ? {} : { left: takesLeft }),
        ...(takesRight === undefined ? {} : { right: takesRight }),
      }
      if (takesLeft !== undefined) a = await lefts.next()
      if (takesRight !== undefined) b = await rights.next()
    }
  } finally {
    // Whoever lists may hold a connection open until it is told that nobody reads on.
    await Promise.allSettled([lefts.return?.(), rights.return?.()])
  }
}
