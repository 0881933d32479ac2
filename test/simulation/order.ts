import { familyOf, toBigInt } from '../../src/domain/address.ts'

const places = new Map<string, bigint>()

/** Reading addresses takes longer than anything else about them; there are only so many. */
function placeOf(address: string): bigint {
  const known = places.get(address)
  if (known !== undefined) return known
  const place = toBigInt(address) + (familyOf(address) === 6 ? 1n << 64n : 0n)
  places.set(address, place)
  return place
}

/** What has addresses, ascending as PostgreSQL orders them. */
export function ascendingly<T extends { address: string }>(items: Iterable<T>): T[] {
  return [...items].sort((a, b) => {
    const [left, right] = [placeOf(a.address), placeOf(b.address)]
    return left < right ? -1 : left > right ? 1 : 0
  })
}
