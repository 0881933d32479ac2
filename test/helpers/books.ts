import { randomUUID } from 'node:crypto'
import { type Address, fromBigInt, toBigInt } from '../../src/domain/address.ts'
import type { IpamDriver, IpamRecord } from '../../src/ipam/driver.ts'
import type { TestApp } from './app.ts'

/** An assignment as it is entered in bulk. */
export interface Filled {
  id: string
  service: string
  address: Address
  ptr: string
}

const ptrOf = (service: string) => `${service}.example.net`

/** The address that is `n` behind another. */
export function addressAfter(first: Address, n: number): Address {
  return fromBigInt(toBigInt(first) + BigInt(n), first.includes(':') ? 6 : 4)
}

/**
 * Enters active services with one address each, from one address on, in bulk and past all processors.
 * @returns what was entered, in address order
 */
export async function fillLedger(
  app: Pick<TestApp, 'db'>,
  options: { connection: string; server: string; first: Address; count: number; prefix?: string },
): Promise<Filled[]> {
  const { connection, server, first, count, prefix = 'fill' } = options
  const filled = Array.from({ length: count }, (_, n): Filled => {
    const service = `${prefix}-${n}`
    return { id: randomUUID(), service, address: addressAfter(first, n), ptr: ptrOf(service) }
  })
  for (let start = 0; start < count; start += 20_000) {
    const input = JSON.stringify(filled.slice(start, start + 20_000))
    await app.db.$executeRaw`
      insert into service (id, kind, client, domain, server_id, state, created_stamp)
      select i.service, 'vps', 'c1', i.ptr, s.id, 'active', '{"t": 0, "s": "fill"}'
      from jsonb_to_recordset(${input}::jsonb) as i (service text, ptr text), server s where s.name = ${server}`
    await app.db.$executeRaw`
      insert into assignment (id, service_id, slot, family, state, address, address_space, connection_id, ptr, entitled, assigned_at)
      select i.id, i.service, 'main', family(i.address), 'active', i.address, c.address_space, c.id, i.ptr,
        '{"t": 0, "s": "fill"}', now() - interval '1 day'
      from jsonb_to_recordset(${input}::jsonb) as i (id uuid, service text, address inet, ptr text), connection c
      where c.name = ${connection}`
  }
  await app.db.$executeRaw`analyze assignment`
  return filled
}

/** The record that an IPAM has of it. */
export function recordOf({ id, service, address, ptr }: Filled): IpamRecord {
  return { address, marker: `ipb:${id}`, ptr, owner: `${service} main` }
}

/** How an IPAM serves its list. */
export interface Serving {
  pageSize: number
  /** Called before each page, counted from 1: may throw, change what is served, or wait. */
  onPage: (page: number, records: IpamRecord[]) => unknown
}

/** An IPAM that has what it is told to have, and serves it in pages: as large, and as bad, as a test wants it. */
export function pagedIpam(serving: Partial<Serving> = {}) {
  let records: IpamRecord[] = []
  let places = new Map<Address, IpamRecord>()
  const settings: Serving = { pageSize: 1_000, onPage: () => undefined, ...serving }
  const reads: Address[] = []

  const refuse = async () => {
    throw new Error('this IPAM is only looked at')
  }
  const driver: IpamDriver = {
    name: 'paged',
    abilities: { reads: 'marker', pools: false, ptr: true, requestsSpecific: true },
    findByMarker: async marker => records.find(record => record.marker === marker),
    async read(address) {
      reads.push(address)
      return places.get(address)
    },
    request: refuse,
    setPtr: refuse,
    release: refuse,
    async *list(signal) {
      const count = Math.ceil(records.length / settings.pageSize)
      for (let page = 1; page <= count; page++) {
        signal.throwIfAborted()
        const given = records.slice((page - 1) * settings.pageSize, page * settings.pageSize)
        const served = await settings.onPage(page, given)
        yield* Array.isArray(served) ? (served as IpamRecord[]) : given
      }
    },
    check: async () => ({ ok: true, pools: [], remarks: [] }),
  }
  return {
    driver,
    settings,
    /** What was read one by one. */
    reads,
    /** Says what it has, in address order. */
    hold(next: IpamRecord[]): void {
      records = next
      places = new Map(next.map(record => [record.address, record]))
    },
  }
}
