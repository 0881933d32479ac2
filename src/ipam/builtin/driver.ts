import { setTimeout as sleep } from 'node:timers/promises'
import { pagesOf } from '../../db/pages.ts'
import { IpbridgeError } from '../../errors.ts'
import type { AddressRequest, IpamDriver, IpamRecord } from '../driver.ts'
import type { PoolDesk } from './pools.ts'
import type { BuiltinStore, Space } from './store.ts'

export interface BuiltinOptions {
  /** The id of the connection whose pools these are. */
  connection: string
  store: BuiltinStore
  pools: PoolDesk
  /** Called when addresses became free, so that whoever waits for one can be woken. */
  onSpace: (space: Space) => void
  /** How long a request may find every free range in other hands before it gives up as busy; default: 5,000. */
  busyMs?: number
  /** How many records are listed with one query; default: 2,000. */
  pageSize?: number
}

/** The IPAM for people who have no other: pools in our own database. */
export function builtinIpam(options: BuiltinOptions): IpamDriver {
  const { connection, store, pools, onSpace, busyMs = 5_000, pageSize = 2_000 } = options

  async function takeNamed(want: AddressRequest, address: string): Promise<IpamRecord> {
    const answer = await store.takeAddress(connection, address, want.marker, want.owner)
    if (answer !== 'granted') throw refusal(address, answer)
    return (await store.read({ connection, address })) ?? { address, marker: want.marker, owner: want.owner }
  }

  async function takeAny(want: AddressRequest, signal: AbortSignal): Promise<IpamRecord> {
    const { family, marker, owner } = want
    const deadline = performance.now() + busyMs
    for (;;) {
      const record = await store.take({ connection, family, pools: want.pools, marker, owner })
      if (record) return record
      const stock = await store.stock(connection, family, want.pools)
      if (stock.pools === 0) throw noSuchPool(want)
      if (!stock.free && !stock.due) throw exhausted(want)
      // There are addresses, but they are in the hands of others at this moment. Only their end can tell whether
      // the pool is full.
      if (stock.due && (await sweep(10_000)) > 0) continue
      if (performance.now() > deadline) throw busy(want)
      await sleep(1 + Math.random() * 5, undefined, { signal })
    }
  }

  /** @returns how many addresses became free */
  async function sweep(most: number): Promise<number> {
    const spaces = await store.sweep(most)
    for (const space of spaces) onSpace(space)
    return spaces.reduce((sum, { count }) => sum + count, 0)
  }

  return {
    name: 'builtin',
    abilities: { reads: 'marker', pools: true, ptr: true, requestsSpecific: true },

    async findByMarker(marker, signal) {
      signal.throwIfAborted()
      return store.findByMarker(marker)
    },

    async read(address, signal) {
      signal.throwIfAborted()
      return store.read({ connection, address })
    },

    async request(want, signal) {
      signal.throwIfAborted()
      return want.requested === undefined ? takeAny(want, signal) : takeNamed(want, want.requested)
    },

    async setPtr({ address, marker }, ptr, signal) {
      signal.throwIfAborted()
      if (await store.setPtr({ connection, address, marker, ptr: ptr ?? null })) return
      throw new IpbridgeError('record_not_ours', `${address} does not carry ${marker} in the built-in IPAM`)
    },

    async release({ address, marker }, signal) {
      signal.throwIfAborted()
      const quarantine = await store.release({ connection, address, marker })
      if (quarantine === undefined) {
        if (await store.read({ connection, address })) {
          throw new IpbridgeError(
            'record_not_ours',
            `${address} is held in the built-in IPAM, but not under ${marker}`,
          )
        }
      } else if (quarantine === 0) {
        await sweep(1_000)
      }
    },

    async *list(signal, after) {
      const pages = pagesOf({
        size: pageSize,
        after,
        keyOf: (record: IpamRecord) => record.address,
        read: last => {
          signal.throwIfAborted()
          return store.page(connection, last, pageSize)
        },
      })
      for await (const page of pages) for (const record of page) yield record
    },

    async claim({ address, marker, owner, from }, signal) {
      signal.throwIfAborted()
      if (await store.claim(connection, { address, marker, owner, from })) return
      throw new IpbridgeError('record_not_ours', `${address} is not held, or is marked with another marker`)
    },

    adopt: records => store.adopt(connection, records),

    async check() {
      const fill = await pools.fill(connection)
      const remarks = fill.length > 0 ? [] : ['there are no pools yet: add one with `ipbridge pool add`']
      return { ok: fill.length > 0, pools: fill, remarks }
    },
  }
}

function refusal(address: string, answer: string): IpbridgeError {
  switch (answer) {
    case 'outside':
      return new IpbridgeError('address_outside_pools', `${address} is in none of the pools`)
    case 'reserved':
      return new IpbridgeError(
        'address_taken',
        `${address} is never handed out: it is a gateway, a network address or excluded`,
      )
    case 'quarantined':
      return new IpbridgeError('address_taken', `${address} is in quarantine after another service`)
    case 'busy':
      return new IpbridgeError('ipam_busy', `${address} is being taken or returned right now`)
    default:
      return new IpbridgeError('address_taken', `${address} is taken`)
  }
}

function describe(want: AddressRequest): string {
  return want.pools ? `pool ${want.pools.join(' or ')}` : `IPv${want.family} pool of this connection`
}

function noSuchPool(want: AddressRequest): IpbridgeError {
  return new IpbridgeError(
    'no_such_pool',
    `there is no ${describe(want)}; add one with \`ipbridge pool add\``,
  )
}

function busy(want: AddressRequest): IpbridgeError {
  return new IpbridgeError(
    'ipam_busy',
    `every free address of the ${describe(want)} is in other hands just now`,
  )
}

function exhausted(want: AddressRequest): IpbridgeError {
  return new IpbridgeError(
    'pool_exhausted',
    `every ${describe(want)} is full; the operation is parked until an address returns or a pool is added`,
  )
}
