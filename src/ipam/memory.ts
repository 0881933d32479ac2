import { type Address, compareAddresses, fromBigInt } from '../domain/address.ts'
import { usableRanges } from '../domain/pool.ts'
import { IpbridgeError } from '../errors.ts'
import type { AddressRequest, Held, IpamDriver, IpamRecord } from './driver.ts'

/**
 * An IPAM that forgets everything with the process: the smallest complete driver, for whoever writes one,
 * and what the processors are tested on.
 * @param options.pools networks by name
 * @param options.isResting whether an address that is free is not handed out yet, to this owner; default: never
 */
export function memoryIpam(options: {
  pools: Record<string, string>
  isResting?: (address: Address, owner: string) => boolean
}): IpamDriver & {
  /** The books themselves, so that a test can see them and change them behind ipbridge's back. */
  records: Map<Address, IpamRecord>
} {
  const { isResting = () => false } = options
  const records = new Map<Address, IpamRecord>()
  const pools = Object.entries(options.pools).map(([name, cidr]) => {
    const { family, ranges } = usableRanges({ cidr })
    // Each request passes by what is in use, and to write an address takes longer than to look it up.
    const asWritten = ranges.map(range => ({ ...range, written: [] as Address[] }))
    return { name, network: { prefix: Number(cidr.split('/')[1]) }, family, ranges: asWritten }
  })

  function* freeAddresses(want: AddressRequest): Generator<IpamRecord> {
    for (const { name, network, family, ranges } of pools) {
      if (family !== want.family || (want.pools && !want.pools.includes(name))) continue
      for (const { first, last, written } of ranges) {
        const size = Number(last - first) + 1
        for (let n = 0; n < size; n++) {
          const address = written[n] ?? fromBigInt(first + BigInt(n), family)
          written[n] = address
          if (!records.has(address) && !isResting(address, want.owner)) yield { address, pool: name, network }
        }
      }
    }
  }

  function find(want: AddressRequest): IpamRecord {
    if (want.pools && !pools.some(pool => want.pools?.includes(pool.name))) {
      throw new IpbridgeError('no_such_pool', `there is no pool ${want.pools.join(', ')}`)
    }
    for (const free of freeAddresses(want)) {
      if (want.requested === undefined || free.address === want.requested) return free
    }
    if (want.requested === undefined) throw new IpbridgeError('pool_exhausted', 'no address is free')
    throw records.has(want.requested) || isResting(want.requested, want.owner)
      ? new IpbridgeError('address_taken', `${want.requested} is taken`)
      : new IpbridgeError('address_outside_pools', `${want.requested} is in no pool`)
  }

  /** The record at an address that we hold. */
  function ours({ address, marker }: Held): IpamRecord {
    const record = records.get(address)
    if (record?.marker === marker) return record
    throw new IpbridgeError('record_not_ours', `${address} does not carry ${marker}`)
  }

  return {
    name: 'memory',
    abilities: { reads: 'marker', pools: true, ptr: true, requestsSpecific: true },
    records,

    async findByMarker(marker, signal) {
      signal.throwIfAborted()
      return [...records.values()].find(record => record.marker === marker)
    },
    async read(address, signal) {
      signal.throwIfAborted()
      return records.get(address)
    },
    async request(want, signal) {
      signal.throwIfAborted()
      const record = { marker: want.marker, owner: want.owner, ...find(want) }
      records.set(record.address, record)
      return record
    },
    async setPtr(held, ptr, signal) {
      signal.throwIfAborted()
      const { ptr: _, ...record } = ours(held)
      records.set(held.address, ptr === undefined ? record : { ptr, ...record })
    },
    async release(held, signal) {
      signal.throwIfAborted()
      if (records.has(held.address)) records.delete(ours(held).address)
    },
    async claim({ address, marker, owner, from = [] }, signal) {
      signal.throwIfAborted()
      const record = records.get(address)
      if (record === undefined || ![undefined, marker, ...from].includes(record.marker)) {
        throw new IpbridgeError('record_not_ours', `${address} is not held, or is marked with another marker`)
      }
      records.set(address, { ...record, marker, owner })
    },
    async *list(signal) {
      for (const record of [...records.values()].sort((a, b) => compareAddresses(a.address, b.address))) {
        signal.throwIfAborted()
        yield record
      }
    },
    async check() {
      const used = (name: string) => [...records.values()].filter(record => record.pool === name).length
      return {
        ok: pools.length > 0,
        pools: pools.map(({ name, ranges }) => {
          const total = ranges.reduce((sum, range) => sum + range.last - range.first + 1n, 0n)
          return {
            name,
            total: `${total}`,
            used: used(name),
            quarantined: 0,
            free: `${total - BigInt(used(name))}`,
          }
        }),
        remarks: pools.length > 0 ? [] : ['there are no pools: give it some when it is made'],
      }
    },
  }
}
