import { contains, familyOf, type Key, parseKey, parseRange, printKey } from '../coremanager/addresses.ts'
import { type Memory, rememberMap } from '../remember.ts'
import type { Behaviour } from './behaviour.ts'
import { invalid, notFound, Refused } from './refusal.ts'

export interface Ip {
  id: number
  key: Key
  domain: string
}

export interface Host {
  id: number
  name: string
  comment: string
  domain: string
  state: 'creating' | 'active'
  params: Record<string, unknown>
  ips: Ip[]
}

export type Books = ReturnType<typeof createBooks>

/** The virtual machines and their addresses: each is at one machine at the most. */
export function createBooks(behaviour: Behaviour) {
  const hosts = new Map<number, Host>()
  /** Addresses that a task is about to put somewhere. */
  const promised = new Set<Key>()
  let [lastHost, lastIp] = [0, 0]

  const holderOf = (key: Key): Host | undefined =>
    [...hosts.values()].find(host => host.ips.some(ip => ip.key === key))

  function choose(family: 4 | 6): Key {
    const range = parseRange(behaviour.pools[family === 4 ? 'ipv4' : 'ipv6'])
    for (let key = range?.first ?? 0n; range !== undefined && contains(range, key); key++) {
      if (holderOf(key) === undefined && !promised.has(key)) return key
    }
    throw new Refused(400, 1201, 'There are no free IP addresses')
  }

  return {
    hosts,

    host(id: number): Host {
      const found = hosts.get(id)
      if (found) return found
      throw notFound(`Host ${id}`)
    },

    make(name: string, more: Partial<Host> = {}): Host {
      lastHost += 1
      const fresh = { comment: '', domain: '', state: 'active' as const, params: {}, ips: [] }
      const host: Host = { ...fresh, ...more, id: lastHost, name }
      hosts.set(lastHost, host)
      return host
    },

    /** The address that is named, or one by choice. @throws Refused where it is none, or taken */
    pick(name: unknown): Key {
      if (name === undefined || behaviour.overlooksAddress) return choose(4)
      const key = typeof name === 'string' ? parseKey(name) : undefined
      if (key === undefined) throw invalid('ip_addr.name')
      const holder = holderOf(key)
      if (holder) throw new Refused(400, 1202, `IP address ${printKey(key)} is used by host ${holder.id}`)
      if (promised.has(key)) throw new Refused(400, 1202, `IP address ${printKey(key)} is in use`)
      return key
    },

    promise: (key: Key): void => void promised.add(key),

    put(host: Host, key: Key, domain: string): Ip {
      promised.delete(key)
      lastIp += 1
      const ip = { id: lastIp, key, domain }
      host.ips.push(ip)
      return ip
    },

    remember(): Memory {
      const before = rememberMap(hosts)
      const still = [...promised]
      const last = [lastHost, lastIp] as const
      return {
        all: [before.all, still],
        recall() {
          before.recall()
          promised.clear()
          for (const key of still) promised.add(key)
          ;[lastHost, lastIp] = last
        },
      }
    },

    /** Where an address is. @throws Refused where no machine has it */
    ip(id: number): { host: Host; ip: Ip } {
      for (const host of hosts.values()) {
        const ip = host.ips.find(one => one.id === id)
        if (ip) return { host, ip }
      }
      throw notFound(`IP address ${id}`)
    },
  }
}

/** A machine as its list shows it. */
export function hostRow({ id, name, comment, domain, state, ips }: Host) {
  const of = (family: 4 | 6) =>
    ips.filter(({ key }) => familyOf(key) === family).map(({ key }) => ({ ip: printKey(key) }))
  const place = { cluster: { id: 1, name: 'main' }, node: { id: 1, name: 'node1', ip_addr: '10.0.0.5' } }
  return { id, name, comment, domain, state, ...place, ip4: of(4), ip6: of(6) }
}

/** An address as its list shows it. */
export function ipRow({ id: host, name }: Host, { id, key, domain }: Ip) {
  const family = familyOf(key)
  return {
    id,
    ip_addr: printKey(key),
    domain,
    family,
    state: 'active',
    host: { id: host, name, interface: 0 },
  }
}
