import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach } from 'vitest'
import type { Family } from '../../src/domain/address.ts'
import type { Marker } from '../../src/domain/marker.ts'
import type { AddressRequest, Held, IpamDriver, IpamRecord } from '../../src/ipam/driver.ts'
import type { IpamContract, IpamSubject, Layout, Remote } from './ipam.ts'

/** What most tests work with: room in IPv4, a pool that is full after two, and IPv6. */
export const layout = { wide: '192.0.2.0/24', small: '198.51.100.0/30', six: '2001:db8:0:1::/64' }

/** For calls that nobody aborts. */
export const signal = new AbortController().signal

export function newMarker(): Marker {
  return `ipb:${randomUUID()}`
}

/** An IPAM for each test of the block that calls this. */
export function useSubject(contract: IpamContract, pools: Layout = layout) {
  let subject: IpamSubject
  beforeEach(async () => {
    subject = await contract.make(pools)
  })
  afterEach(() => subject.close())

  return {
    get subject(): IpamSubject {
      return subject
    },
    get driver(): IpamDriver {
      return subject.driver
    },
    get remote(): Remote {
      if (subject.remote === undefined) throw new Error(`the subject of ${contract.name} has no remote`)
      return subject.remote
    },
    /** Takes an address; by default an IPv4 one under a marker of its own. */
    async take(want: Partial<AddressRequest> = {}): Promise<IpamRecord & Held> {
      const marker = want.marker ?? newMarker()
      const record = await subject.driver.request(wanted({ ...want, marker }), signal)
      return { ...record, marker }
    },
    async list(): Promise<IpamRecord[]> {
      return collect(subject.driver)
    },
  }
}

export type Subject = ReturnType<typeof useSubject>

export function wanted(want: Partial<AddressRequest> & { family?: Family } = {}): AddressRequest {
  const marker = want.marker ?? newMarker()
  return { family: 4, owner: `service ${marker} main`, ...want, marker }
}

export async function collect(driver: IpamDriver): Promise<IpamRecord[]> {
  const records: IpamRecord[] = []
  for await (const record of driver.list(signal)) records.push(record)
  return records
}
