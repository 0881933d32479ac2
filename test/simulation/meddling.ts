import type { SimulatedIpam } from './ipam.ts'
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
    const record = pick(
      [...records.values()].filter(({ marker }) => marker !== undefined && !marker.startsWith(stranger)),
      nth,
    )
    const guest = pick(
      [...panels.values()].flatMap(({ books }) => [...books.values()]),
      nth,
    )
    const address = record?.address ?? ''
    world.count(`changes by hand: ${what}`)
    world.tell('somebody', `does this by hand: ${what} ${what === 'orphan' ? '' : address}`)
    switch (what) {
      case 'remove':
        return void ipam.byHand(address, undefined)
      case 'rename':
        return void (record && ipam.byHand(address, { ...record, ptr: `by-hand-${nth}.example.org` }))
      case 'unmark': {
        if (record === undefined) return
        const { marker: _, ...unmarked } = record
        return void ipam.byHand(address, unmarked)
      }
      case 'orphan': {
        const free = `10.1.0.${40 + (nth % 20)}`
        if (records.has(free)) return
        const marker = `${stranger}${String(nth).padStart(12, '0')}`
        return void ipam.byHand(free, { address: free, marker, pool: 'other' })
      }
      case 'stray':
        return void guest?.addresses.set(`${strayNetwork}${nth % 250}`, undefined)
      case 'take off': {
        const [first = ''] = guest?.addresses.keys() ?? []
        return void guest?.addresses.delete(first)
      }
    }
  }
}
