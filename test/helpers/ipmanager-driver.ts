import type { Notes } from '../../src/db/notes.ts'
import type { OpenConnection } from '../../src/db/registry.ts'
import type { Address } from '../../src/domain/address.ts'
import type { Marker } from '../../src/domain/marker.ts'
import { ipmanager } from '../../src/ipam/ipmanager/driver.ts'
import { ipmanagerConnection } from './ipmanager-connection.ts'

type Kept = Pick<Notes, 'addressesOf' | 'at' | 'put' | 'remove'>

/** Notes that are forgotten with the test. */
export function notesInMemory(): Kept & { kept: Map<Address, Marker> } {
  const kept = new Map<Address, Marker>()
  return {
    kept,
    put: async ({ address, marker }) => void kept.set(address, marker),
    remove: async ({ address, marker }) => void (kept.get(address) === marker && kept.delete(address)),
    addressesOf: async (_, marker) =>
      [...kept].filter(entry => entry[1] === marker).map(([address]) => address),
    at: async (_, addresses) => new Map([...kept].filter(([address]) => addresses.includes(address))),
  }
}

/** The driver for a panel, alone: nobody else takes turns with it. */
export function driverFor(
  url: string,
  given: Partial<OpenConnection> = {},
  notes: Kept = notesInMemory(),
): ReturnType<typeof ipmanager> {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(
    _: string,
    __: number,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ) => {
    const turn = last.then(() => work(signal))
    last = turn.catch(() => {})
    return turn
  }
  return ipmanager(ipmanagerConnection({ url, ...given }), { notes, turns: { inTurn } })
}
