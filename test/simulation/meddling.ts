import type { IpamRecord } from '../../src/ipam/driver.ts'
import { byHandName, type SimulatedIpam } from './ipam.ts'
import type { World } from './outside.ts'
import type { SimulatedPanel } from './panel.ts'
import type { Meddling } from './script.ts'

/** Markers that look like ours, of assignments that never were. */
const stranger = 'ipb:00000000-0000-7000-9000-'

/** Addresses that are in no pool. */
export const strayNetwork = '10.9.0.'

/** Somebody works at the IPAM or at a panel by hand: reconciliation has to find it, and to mend it. */
export function simulatedMeddling(
  world: World,
  { ipam, panels }: { ipam: SimulatedIpam; panels: Map<string, SimulatedPanel> },
) {
  const { records } = ipam.books
  const pick = <T>(items: T[], nth: number) => items[nth % Math.max(items.length, 1)]

  return (what: Meddling, nth: number): void => {
    const marked = [...records.values()].filter(({ marker }) => marker && !marker.startsWith(stranger))
    const record = pick(marked, nth)
    const guests = [...panels.values()].flatMap(({ books }) => [...books.values()])
    const guest = pick(guests, nth)
    world.count(`changes by hand: ${what}`)
    world.tell('somebody', `does this by hand: ${what} ${record?.address}`)
    if (what === 'orphan') enterOrphan(nth)
    else if (what === 'stray') guest?.addresses.set(`${strayNetwork}${nth % 250}`, undefined)
    else if (what === 'take off') guest?.addresses.delete([...guest.addresses.keys()][0] ?? '')
    else if (record) void ipam.byHand(record.address, changed(what, record, nth))
  }

  function enterOrphan(nth: number): void {
    const address = `10.1.0.${40 + (nth % 20)}`
    const marker = `${stranger}${String(nth).padStart(12, '0')}`
    if (!records.has(address)) void ipam.byHand(address, { address, marker, pool: 'other' })
  }
}

function changed(
  what: 'remove' | 'rename' | 'unmark',
  { marker, ...record }: IpamRecord,
  nth: number,
): IpamRecord | undefined {
  if (what === 'remove') return undefined
  if (what === 'unmark') return record
  return { ...record, ...(marker === undefined ? {} : { marker }), ptr: `${byHandName}${nth}.example.org` }
}
