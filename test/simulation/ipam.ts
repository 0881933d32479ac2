import { type Address, familyOf } from '../../src/domain/address.ts'
import type { IpamDriver, IpamRecord } from '../../src/ipam/driver.ts'
import { memoryIpam } from '../../src/ipam/memory.ts'
import { ascendingly } from './order.ts'
import { callOutside, type World } from './outside.ts'
import type { Owner } from './scheduler.ts'
import { calm } from './weather.ts'

/** How the names begin that people give by hand. */
export const byHandName = 'by-hand-'

export type SimulatedIpam = ReturnType<typeof simulatedIpam>

/**
 * An IPAM with weather, and how an operation reaches it. It keeps what is released from others for a while, and its
 * DNS is a thing of its own: a name that nobody removes outlives its record.
 */
export function simulatedIpam(world: World) {
  const { defect, scheduler, random } = world
  const cidr = random.pick(['10.0.0.0/26', '10.0.0.0/27'])
  const quarantineMs = random.pick([0, 60_000, 600_000])
  /** For how long an address may be granted once more: while its first holder is being served, or after that, too. */
  const freshMs = random.pick([1_500, 1_500, 10_000])
  const pools = {
    main: cidr,
    other: '10.1.0.0/26',
    six: '2001:db8::/121',
    added: '10.2.0.0/24',
    'added six': '2001:db8:1::/120',
  }
  const released = new Map<Address, { until: number; owner: string | undefined }>()
  const books = memoryIpam({
    pools,
    isResting(address, owner) {
      const last = released.get(address)
      return last !== undefined && last.until > scheduler.now() && last.owner !== owner
    },
  })
  const names = new Map<Address, string>()
  const never = new AbortController().signal
  let granted: { record: IpamRecord; at: number } | undefined
  /** What was changed less than a second ago, as it was before. */
  const earlier = new Map<string, { record: IpamRecord | undefined; at: number }>()
  /** What was removed by hand, and is in nobody's books any more, is not granted a second time. */
  const removed = new Set<Address>()
  const regranted = new Set<Address>()
  /** Only for a defect: markers of grants whose answer was lost. */
  const unheard = new Set<string>()

  /** Does something at an address, and writes down what it changed there. @param by the operation that does it */
  async function change<T>(call: string, by: string | undefined, address: Address, work: () => Promise<T>) {
    const before = books.records.get(address)
    const name = names.get(address)
    const result = await work()
    const after = books.records.get(address)
    if (before?.marker === after?.marker && before?.ptr === after?.ptr && !before === !after) return result
    earlier.set(address, { record: before, at: scheduler.now() })
    world.see({
      kind: 'record',
      at: scheduler.now(),
      address,
      by: by === undefined ? undefined : { operation: by, call },
      before: before && { marker: before.marker, ptr: before.ptr },
      after: after && { marker: after.marker, ptr: after.ptr },
      name,
    })
    if (by !== undefined) world.count('effects at the IPAM')
    return result
  }

  async function request(want: Parameters<IpamDriver['request']>[0], by: string): Promise<IpamRecord> {
    const isFresh = granted && scheduler.now() - granted.at < freshMs
    const twice =
      isFresh && granted && books.records.get(granted.record.address)?.marker === granted.record.marker
    const isSure = granted && !removed.has(granted.record.address)
    const isOfFamily = granted !== undefined && familyOf(granted.record.address) === want.family
    const suits = want.requested === undefined && isOfFamily && want.pools === undefined
    if (granted && twice && isSure && suits && random.chance(world.weather.regrants)) {
      const record = { ...granted.record, marker: want.marker, owner: want.owner }
      world.tell('the IPAM', `grants ${record.address} a second time`)
      world.count(regranted.has(record.address) ? 'addresses granted to a third' : 'addresses granted twice')
      regranted.add(record.address)
      granted = { record, at: scheduler.now() }
      await change('request', by, record.address, async () => {
        books.records.set(record.address, record)
      })
      return record
    }
    // The pools that people add in the end, so that nobody goes without.
    const limits = want.pools ?? (world.weather === calm ? undefined : ['main', 'other', 'six'])
    const record = await books.request(limits ? { ...want, pools: limits } : want, never)
    // Taken back for a moment, so that what changes is seen as it is for every other call.
    books.records.delete(record.address)
    await change('request', by, record.address, async () => {
      books.records.set(record.address, record)
    })
    granted = { record, at: scheduler.now() }
    return record
  }

  function read(address: Address): IpamRecord | undefined {
    const before = earlier.get(address)
    const isStale = before && scheduler.now() - before.at < 1_000 && random.chance(world.weather.stale)
    if (isStale) world.count('stale reads')
    return isStale ? before.record : books.records.get(address)
  }

  function setName(address: Address, ptr: string | undefined): void {
    if (ptr !== undefined) names.set(address, ptr)
    else if (defect !== 'PTR left behind') names.delete(address)
  }

  function giveBack(address: Address): void {
    const before = books.records.get(address)
    const until = scheduler.now() + (defect === 'no cooldown' ? 0 : quarantineMs)
    if (before) released.set(address, { until, owner: before.owner })
    // What somebody named by hand in between is his to unname.
    if (names.get(address)?.startsWith(byHandName)) names.delete(address)
  }

  function find(marker: string): Promise<IpamRecord | undefined> {
    const isOverlooked =
      defect === 'no marker search' || (defect === 'lost answers are failures' && unheard.has(marker))
    return isOverlooked ? Promise.resolve(undefined) : books.findByMarker(marker, never)
  }

  return {
    books,
    names,
    quarantineMs,

    /** What somebody does there by hand. */
    async byHand(address: Address, record: IpamRecord | undefined): Promise<void> {
      await change('by hand', undefined, address, async () => {
        if (record) books.records.set(address, record)
        else books.records.delete(address)
      })
      if (record === undefined) removed.add(address)
      if (record?.ptr === undefined) names.delete(address)
      else names.set(address, record.ptr)
    },

    /** The driver of one worker, for one operation. */
    driver(owner: Owner, operation: string): IpamDriver {
      const call = <T>(name: string, signal: AbortSignal, work: () => Promise<T>, onLost?: () => void) =>
        callOutside(world, owner, name, signal, work, 'ipam', onLost)
      return {
        name: books.name,
        abilities: books.abilities,
        findByMarker: (marker, signal) => call(`find ${marker}`, signal, () => find(marker)),
        read: (address, signal) => call(`read ${address}`, signal, async () => read(address)),
        request: (want, signal) =>
          call(
            `request for ${want.marker}`,
            signal,
            () => request(want, operation),
            () => unheard.add(want.marker),
          ),
        setPtr: (held, ptr, signal) =>
          call(`name ${held.address} ${ptr ?? '(nothing)'} for ${held.marker}`, signal, async () => {
            await change('setPtr', operation, held.address, () => books.setPtr(held, ptr, never))
            setName(held.address, ptr)
          }),
        release: (held, signal) =>
          call(`release ${held.address} of ${held.marker}`, signal, () =>
            change('release', operation, held.address, async () => {
              const last = books.records.get(held.address)
              if (last?.marker === held.marker) giveBack(held.address)
              await books.release(held, never)
            }),
          ),
        claim: (held, signal) =>
          call(`claim ${held.address} for ${held.marker}`, signal, () =>
            change('claim', operation, held.address, async () => books.claim?.(held, never)),
          ),
        async *list(signal) {
          const whole = await call('list', signal, async () => ascendingly(books.records.values()))
          const isHalf = random.chance(world.weather.halfLists)
          if (isHalf) world.count('lists with holes')
          for (const record of whole) if (!isHalf || random.chance(0.5)) yield record
        },
        check: books.check,
      }
    },
  }
}
