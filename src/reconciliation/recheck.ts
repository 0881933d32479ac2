import type { Stuck, StuckOperation } from '../db/stuck.ts'
import type { Address } from '../domain/address.ts'
import type { Difference, FindingClass, TheirEntry } from '../domain/findings.ts'
import type { Ipam } from '../queue/ports.ts'
import type { Guests } from './guests.ts'
import type { LookAgain } from './look-again.ts'

/** A finding as it was stored. */
interface Found {
  class: FindingClass
  address: Address | null
  service: string | null
  ours: unknown
  theirs: unknown
}

export type Recheck = ReturnType<typeof createRecheck>

/** Looks whether findings are still as they were found, each in its own way. */
export function createRecheck(options: { lookAgain: LookAgain; guests: Guests; stuck: Stuck }) {
  const { lookAgain, guests, stuck } = options

  async function recheckRecords(ipam: Ipam, found: Found[], signal: AbortSignal) {
    const candidates = found.map(({ address, theirs }) => ({
      address: address ?? '',
      listed: (theirs as TheirEntry | null) ?? undefined,
    }))
    const looks = await lookAgain(ipam, candidates, new Date(0), signal)
    return looks.map(({ difference }) => difference)
  }

  async function recheckOperations(found: Found[]) {
    const operations = found.map(({ ours }) => (ours as StuckOperation).operation)
    const now = await stuck.again(operations)
    return operations.map(operation => now.get(operation))
  }

  async function recheckGuests({ connectionId }: Ipam, found: Found[], signal: AbortSignal) {
    const serverOf = ({ theirs }: Found) => (theirs as { server: string }).server
    const differences = new Map<string, Difference>()
    for (const server of new Set(found.map(serverOf))) {
      const services = found.flatMap(one => (serverOf(one) === server ? (one.service ?? []) : []))
      for (const difference of await guests.again(server, connectionId, [...new Set(services)], signal)) {
        differences.set(keyOf(difference.class, difference.address, difference.serviceId ?? null), difference)
      }
    }
    return found.map(({ class: kind, address, service }) => differences.get(keyOf(kind, address, service)))
  }

  /** @returns the difference as it is now, for each finding; undefined where there is none any more */
  return async (ipam: Ipam, found: Found[], signal: AbortSignal): Promise<(Difference | undefined)[]> => {
    const ways = {
      stuck: (some: Found[]) => recheckOperations(some),
      guests: (some: Found[]) => recheckGuests(ipam, some, signal),
      records: (some: Found[]) => recheckRecords(ipam, some, signal),
    }
    const now = new Map<Found, Difference | undefined>()
    for (const [way, recheck] of Object.entries(ways)) {
      const some = found.filter(one => wayOf(one.class) === way)
      const differences = some.length > 0 ? await recheck(some) : []
      for (const [index, one] of some.entries()) now.set(one, differences[index])
    }
    return found.map(one => now.get(one))
  }
}

function wayOf(kind: FindingClass): 'stuck' | 'guests' | 'records' {
  if (kind === 'stuck') return 'stuck'
  return kind === 'stray' || kind === 'unconfigured' ? 'guests' : 'records'
}

function keyOf(kind: string, address: Address | null, service: string | null): string {
  return `${kind} ${address} ${service}`
}
