import { contains, familyOf, type Key, parseKey, parseRange, printKey } from '../coremanager/addresses.ts'
import { PanelError } from '../coremanager/panel-error.ts'
import { type Memory, rememberMap } from '../remember.ts'
import type { Behaviour } from './behaviour.ts'

export interface GuestAddress {
  id: string
  key: Key
  /** Without a dot at its end; empty: none. */
  ptr: string
  iptype: string
}

export interface Guest {
  id: string
  name: string
  /** What it was made with. */
  params: Record<string, string>
  /** The first is its main address. */
  addresses: GuestAddress[]
}

export type Books = ReturnType<typeof createBooks>

/** The guests of a panel, and their addresses: each is at one guest at the most. */
export function createBooks(behaviour: Behaviour) {
  const guests = new Map<string, Guest>()
  let [lastGuest, lastAddress] = [0, 0]

  const holderOf = (key: Key): Guest | undefined =>
    [...guests.values()].find(guest => guest.addresses.some(one => one.key === key))

  /** The lowest address of the pool that no guest has. */
  function choose(family: 4 | 6): Key {
    const range = parseRange(behaviour.pools[family === 4 ? 'ipv4' : 'ipv6'])
    for (let key = range?.first ?? 0n; range !== undefined && contains(range, key); key++) {
      if (holderOf(key) === undefined) return key
    }
    throw new PanelError({ type: 'missed', object: 'ip' })
  }

  return {
    guests,
    holderOf,

    make(name: string, params: Record<string, string> = {}): Guest {
      lastGuest += 1
      const guest: Guest = { id: String(lastGuest), name, params, addresses: [] }
      guests.set(guest.id, guest)
      return guest
    },

    /**
     * The address that a form asks for, or one that the panel chooses.
     * @throws PanelError where it is none, or at a guest already
     */
    pick(text: string, family: 4 | 6 | undefined, any: string): Key {
      if (text === '' || text === any || behaviour.overlooksAddress) return choose(family ?? 4)
      const key = parseKey(text)
      if (key === undefined) throw new PanelError({ type: 'value', object: 'ip', value: text })
      if (family !== undefined && familyOf(key) !== family) {
        throw new PanelError({ type: 'value', object: 'family', value: `ipv${family}` })
      }
      if (holderOf(key)) throw new PanelError({ type: 'exists', object: 'ip', value: text })
      return key
    },

    put(guest: Guest, key: Key, more: { ptr?: string; iptype?: string } = {}): GuestAddress {
      lastAddress += 1
      const { ptr = '', iptype = 'public' } = more
      const address = { id: String(lastAddress), key, ptr: ptr.toLowerCase().replace(/\.$/, ''), iptype }
      guest.addresses.push(address)
      return address
    },

    remember(): Memory {
      const before = rememberMap(guests)
      const last = [lastGuest, lastAddress] as const
      return {
        all: before.all,
        recall() {
          before.recall()
          ;[lastGuest, lastAddress] = last
        },
      }
    },

    /** @throws PanelError where it is a main address that stays */
    take(guest: Guest, address: GuestAddress): void {
      if (behaviour.mainStays && guest.addresses[0] === address) {
        throw new PanelError({ type: 'value', object: 'elid', value: printKey(address.key) })
      }
      guest.addresses = guest.addresses.filter(one => one !== address)
    },
  }
}
