import type { SimulatedGuest } from './books.ts'
import { badParameter, die } from './refusal.ts'

// The firewall's sets of a guest. They know no lock; a host is stored without its prefix length.

const stored = (cidr: string) => cidr.replace(/\/32$/, '').replace(/(:.*)\/128$/, '$1')

export function makeSet({ ipsets }: SimulatedGuest, name: string): null {
  if (ipsets.has(name)) throw badParameter('name', `IPSet '${name}' already exists`)
  ipsets.set(name, [])
  return null
}

export function entriesOf({ ipsets }: SimulatedGuest, name: string) {
  const set = ipsets.get(name)
  if (set === undefined) throw die(`no such IPSet '${name}'`)
  return set
}

export function addEntry(guest: SimulatedGuest, name: string, given: string, comment?: string): null {
  const cidr = stored(given)
  const set = entriesOf(guest, name)
  if (set.some(entry => entry.cidr === cidr)) throw badParameter('cidr', `address '${cidr}' already exists`)
  set.push({ cidr, ...(comment === undefined ? {} : { comment }) })
  return null
}

export function removeEntry(guest: SimulatedGuest, name: string, cidr: string): null {
  const set = entriesOf(guest, name)
  const index = set.findIndex(entry => entry.cidr === cidr)
  if (index < 0) throw badParameter('cidr', `no such IP/Network`)
  set.splice(index, 1)
  return null
}

export function removeSet(guest: SimulatedGuest, name: string, force: boolean): null {
  if (entriesOf(guest, name).length > 0 && !force) throw die(`IPSet '${name}' is not empty`)
  guest.ipsets.delete(name)
  return null
}
