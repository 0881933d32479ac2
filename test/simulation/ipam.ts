import type { IpamDriver, IpamRecord } from '../../src/ipam/driver.ts'
import { memoryIpam } from '../../src/ipam/memory.ts'
import { callOutside, type World } from './outside.ts'
import type { Owner } from './scheduler.ts'
import { calm } from './weather.ts'

export type SimulatedIpam = ReturnType<typeof simulatedIpam>

/** An IPAM with weather, and how a worker reaches it. */
export function simulatedIpam(world: World) {
  const { defect } = world
  const cidr = world.random.pick(['10.0.0.0/26', '10.0.0.0/27'])
  const books = memoryIpam({ pools: { main: cidr, other: '10.1.0.0/26', added: '10.2.0.0/24' } })
  const never = new AbortController().signal
  let granted: { record: IpamRecord; at: number } | undefined
  /** What was changed less than a second ago, as it was before. */
  const earlier = new Map<string, { record: IpamRecord | undefined; at: number }>()

  function remember(address: string): void {
    earlier.set(address, { record: books.records.get(address), at: world.scheduler.now() })
  }

  async function request(want: Parameters<IpamDriver['request']>[0]): Promise<IpamRecord> {
    const isFresh = granted && world.scheduler.now() - granted.at < 10_000
    const twice =
      isFresh && granted && books.records.get(granted.record.address)?.marker === granted.record.marker
    const suits = want.requested === undefined && want.family === 4 && want.pools === undefined
    if (granted && twice && suits && world.random.chance(world.weather.regrants)) {
      const record = { ...granted.record, marker: want.marker, owner: want.owner }
      books.records.set(record.address, record)
      world.tell('the IPAM', `grants ${record.address} a second time`)
      return record
    }
    // The pool that people add in the end, so that nobody goes without.
    const pools = want.pools ?? (world.weather === calm ? undefined : ['main', 'other'])
    const record = await books.request(pools ? { ...want, pools } : want, never)
    granted = { record, at: world.scheduler.now() }
    return record
  }

  function read(address: string): IpamRecord | undefined {
    const before = earlier.get(address)
    const isStale =
      before && world.scheduler.now() - before.at < 1_000 && world.random.chance(world.weather.stale)
    return isStale ? before.record : books.records.get(address)
  }

  return {
    books,

    /** The driver of one worker. */
    driver(owner: Owner): IpamDriver {
      const call = <T>(name: string, signal: AbortSignal, work: () => Promise<T>) =>
        callOutside(world, owner, name, signal, work, 'ipam')
      return {
        name: books.name,
        abilities: books.abilities,
        findByMarker: (marker, signal) =>
          call(`find ${marker}`, signal, async () =>
            defect === 'no marker search' ? undefined : books.findByMarker(marker, never),
          ),
        read: (address, signal) => call(`read ${address}`, signal, async () => read(address)),
        request: (want, signal) => call(`request for ${want.marker}`, signal, () => request(want)),
        setPtr: (held, ptr, signal) =>
          call(`name ${held.address} ${ptr ?? '(nothing)'} for ${held.marker}`, signal, async () => {
            remember(held.address)
            await books.setPtr(held, ptr, never)
          }),
        release: (held, signal) =>
          call(`release ${held.address} of ${held.marker}`, signal, async () => {
            remember(held.address)
            await books.release(held, never)
          }),
        list: books.list,
        check: books.check,
      }
    },
  }
}
