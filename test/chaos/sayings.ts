import type { EventInput } from '../../src/domain/events.ts'
import type { Random } from '../simulation/random.ts'

/** What billing believes of one of its services. */
interface Believed {
  isLive: boolean
  server: string
  domain: string
  orders: Set<string>
  /** How often it spoke of it, which gives the order of what it said. */
  said: number
  last: number
}

/** What it says next, or of which service it wants to know the addresses first. */
export type Saying =
  | { event: EventInput }
  | {
      about: string
      /** undefined where it has deleted the service meanwhile: then it has nothing to say of its addresses any more. */
      say: (address: string) => EventInput | undefined
      /**
       * Only where all that was said of the service has been taken in. While an earlier event is still on its way, nobody
       * can say whether it was the slot that has the address now which was cancelled, or the one that had it before.
       */
      whenHeard?: true
    }

const mostOrders = 3

/**
 * What a billing core says, one thing after the other: services are created, renamed, moved, deleted and come back,
 * extra addresses are ordered and cancelled, PTRs are changed. Half of its services tell the order of what is said of
 * them by a sequence, the others by the time alone.
 */
export function createSayings(random: Random, given: { services: number; servers: readonly string[] }) {
  const { servers } = given
  const known = new Map<string, Believed>()
  const names = Array.from({ length: given.services }, (_, n) => `s${n}`)
  let count = 0

  function envelope(id: string, service: Believed) {
    count += 1
    service.said += 1
    // Of one service no two things are said in the same moment.
    service.last = Math.max(Date.now(), service.last + 1)
    const sequence = Number(id.slice(1)) % 2 === 0 ? {} : { sequence: String(service.said) }
    return {
      specversion: '1.0' as const,
      id: `e${count}`,
      source: '/billing',
      time: new Date(service.last).toISOString(),
      ...sequence,
    }
  }

  function created(id: string, service: Believed): EventInput {
    service.isLive = true
    const { server, domain } = service
    const kinds = random.weighted({ one: 7, two: 2, six: 1 })
    const addresses = {
      one: undefined,
      two: [{ family: 'ipv4' as const, count: 2 }],
      six: [{ family: 'ipv4' as const }, { family: 'ipv6' as const }],
    }[kinds]
    const data = {
      service: { id, kind: 'vps', client: `c${Number(id.slice(1)) % 50}`, domain, server },
      ...(addresses ? { addresses } : {}),
    }
    return { ...envelope(id, service), type: 'service.created', data }
  }

  function about(id: string, service: Believed): Saying {
    const whileLive = (say: (address: string) => EventInput) => (address: string) =>
      service.isLive ? say(address) : undefined
    switch (
      random.weighted({
        ordered: 26,
        cancelled: 14,
        deleted: 16,
        renamed: 16,
        byAddress: 4,
        again: 6,
        moved: 8,
        domain: 6,
      })
    ) {
      case 'ordered': {
        const order = `o${random.int(mostOrders)}`
        service.orders.add(order)
        const family = random.chance(0.2) ? ('ipv6' as const) : ('ipv4' as const)
        const data = { service: id, order, family, count: 1 + random.int(2) }
        return { event: { ...envelope(id, service), type: 'ip.ordered', data } }
      }
      case 'cancelled': {
        const order = [...service.orders][0] ?? 'o0'
        service.orders.delete(order)
        return { event: { ...envelope(id, service), type: 'ip.cancelled', data: { service: id, order } } }
      }
      case 'deleted':
        service.isLive = false
        service.orders.clear()
        return { event: { ...envelope(id, service), type: 'service.deleted', data: { service: id } } }
      case 'renamed': {
        const ptr = random.chance(0.2) ? null : `mail${random.int(100)}.${service.domain}`
        return {
          about: id,
          say: whileLive(address => ({
            ...envelope(id, service),
            type: 'ptr.changed',
            data: { address, ptr, service: id },
          })),
        }
      }
      case 'byAddress':
        return {
          about: id,
          whenHeard: true,
          say: whileLive(address => ({
            ...envelope(id, service),
            type: 'ip.cancelled',
            data: { service: id, address },
          })),
        }
      case 'moved':
        service.server = random.pick(servers)
        return { event: created(id, service) }
      case 'domain':
        service.domain = `${id}-${random.int(5)}.example.net`
        return { event: created(id, service) }
      case 'again':
        return { event: created(id, service) }
    }
  }

  /** What is said next. */
  return function next(): Saying {
    const id = random.pick(names)
    const domain = `${id}-0.example.net`
    const service = known.get(id) ?? {
      isLive: false,
      server: random.pick(servers),
      domain,
      orders: new Set(),
      said: 0,
      last: 0,
    }
    known.set(id, service)
    return service.isLive ? about(id, service) : { event: created(id, service) }
  }
}
