import type { EventInput } from '../../src/domain/events.ts'

let count = 0

/** What most tests leave at its default. */
interface Common {
  id?: string
  /** Minutes after the beginning of the test's time. */
  at?: number
  sequence?: string
  source?: string
}

const beginning = Date.UTC(2026, 0, 1)

function envelope({ id, at, sequence, source }: Common) {
  count += 1
  return {
    specversion: '1.0' as const,
    id: id ?? `event-${count}`,
    source: source ?? '/billing/test',
    time: new Date(beginning + (at ?? count) * 60_000).toISOString(),
    ...(sequence === undefined ? {} : { sequence }),
  }
}

type Data<T extends EventInput['type']> = Extract<EventInput, { type: T }>['data']

/** Events as billing would send them. Unless `at` says otherwise, each was said a minute after the one before. */
export const events = {
  created(
    service: Partial<Data<'service.created'>['service']> & { id: string },
    more: Common & Pick<Data<'service.created'>, 'addresses'> = {},
  ) {
    const { addresses, ...common } = more
    const defaults = { kind: 'vps', client: 'client-1', domain: `${service.id}.example.net`, server: 'node1' }
    const data = { service: { ...defaults, ...service }, ...(addresses ? { addresses } : {}) }
    return { type: 'service.created' as const, data, ...envelope(common) }
  },

  ordered(
    service: string,
    order: string,
    more: Common & Partial<Omit<Data<'ip.ordered'>, 'service' | 'order'>> = {},
  ) {
    const { id, at, sequence, source, ...data } = more
    const type = 'ip.ordered' as const
    return {
      type,
      data: { service, order, family: 'ipv4' as const, ...data },
      ...envelope({ id, at, sequence, source } as Common),
    }
  },

  cancelled(service: string, what: { order: string } | { address: string }, common: Common = {}) {
    return { type: 'ip.cancelled' as const, data: { service, ...what }, ...envelope(common) }
  },

  deleted(service: string, common: Common = {}) {
    return { type: 'service.deleted' as const, data: { service }, ...envelope(common) }
  },

  ptrChanged(address: string, ptr: string | null, more: Common & { service?: string } = {}) {
    const { service, ...common } = more
    return {
      type: 'ptr.changed' as const,
      data: { address, ptr, ...(service ? { service } : {}) },
      ...envelope(common),
    }
  },
}
