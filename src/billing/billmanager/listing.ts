import { setMaxListeners } from 'node:events'
import type { CoreManager } from '../../coremanager/client.ts'
import { attributeOf, childOf, type Element, fieldOf } from '../../coremanager/document.ts'
import { eventData } from '../../domain/events.ts'
import { faultsOf } from '../../domain/faults.ts'
import { HostnameError, normalizeHostname } from '../../domain/hostname.ts'
import type { ImportedAddress, ImportedService } from '../../domain/import.ts'
import { asIpbridgeError } from '../../errors.ts'
import type { Unusable } from '../core.ts'
import type { rowReader } from './row-reader.ts'
import type { Row } from './rows.ts'
import type { Settings } from './settings.ts'

/** Services a page; their addresses are asked for together, as many at once as the HTTP client allows. */
const pageSize = 200

/** Lists BILLmanager's services with their addresses: for taking them over, and for reconciliation. */
export function listing(
  { wire, kinds, servers, states, prefix }: Settings['options'],
  core: CoreManager,
  rowsOf: ReturnType<typeof rowReader>,
) {
  /** What a service is called here; null: it is left alone. */
  function serverOf(row: Element): string | null {
    const element = childOf(row, wire.server)
    const [id, name] = [attributeOf(element, 'orig') ?? '', attributeOf(element, '') ?? '']
    for (const key of [id, name]) if (Object.hasOwn(servers, key)) return servers[key] ?? null
    return name || id
  }

  async function read(
    list: string,
    row: Element,
    onUnusable: (unusable: Unusable) => void,
    signal: AbortSignal,
  ): Promise<ImportedService | undefined> {
    const id = fieldOf(row, wire.serviceId) ?? ''
    const server = serverOf(row)
    if (!states.includes(fieldOf(row, wire.state) ?? '') || server === null) return undefined
    const where = `${list} ${id}`
    const service = `${prefix}${id}`
    const input = {
      id: service,
      kind: kinds[list],
      client: fieldOf(row, wire.client),
      domain: fieldOf(row, wire.serviceDomain),
      server,
    }
    const parsed = eventData['service.created'].shape.service.safeParse(input)
    if (!parsed.success) {
      const told = faultsOf(parsed.error, input).map(
        ({ pointer, message }) => `${pointer.slice(1)} ${message}`,
      )
      onUnusable({ where, service, message: told.join('; ') })
      return undefined
    }
    const onBadRow = (message: string) => onUnusable({ where, service, message })
    const rows = (await rowsOf(id, signal, onBadRow)) ?? []
    const { kind, client, domain } = parsed.data
    const addresses = rows.flatMap(one => addressOf(one, where, left => onUnusable({ ...left, service })))
    return { where, id: parsed.data.id, kind, client, domain, server: parsed.data.server, addresses }
  }

  const lists = Object.keys(kinds)

  async function lengthOf(list: string, signal: AbortSignal): Promise<number> {
    const doc = await core.read(list, { filter: 'off', p_num: '1', p_cnt: '1' }, signal)
    return Number(fieldOf(doc, 'p_elems') ?? 0)
  }

  return {
    async count(signal: AbortSignal): Promise<number> {
      let total = 0
      for (const list of lists) total += await lengthOf(list, signal)
      return total
    },

    /** Looks at every list, and says of those that cannot be read why. */
    async look(signal: AbortSignal): Promise<{ found: number; read: number; troubles: string[] }> {
      const seen = { found: 0, read: 0, troubles: [] as string[] }
      for (const list of lists) {
        try {
          seen.found += await lengthOf(list, signal)
          seen.read += 1
        } catch (error) {
          signal.throwIfAborted()
          seen.troubles.push(`${list}: ${asIpbridgeError(error).message}`)
        }
      }
      return seen
    },

    async *services(
      onUnusable: (unusable: Unusable) => void,
      signal: AbortSignal,
    ): AsyncGenerator<ImportedService> {
      // Every request that is under way listens to it.
      setMaxListeners(0, signal)
      for (const list of lists) {
        for await (const page of core.pages(list, {}, { size: pageSize, key: wire.serviceId }, signal)) {
          const services = await Promise.all(page.map(row => read(list, row, onUnusable, signal)))
          for (const service of services) if (service) yield service
        }
      }
    },
  }
}

/** What an order was, only the id of the row can say; the main ones came with the service. */
function addressOf(row: Row, where: string, onUnusable: (unusable: Unusable) => void): ImportedAddress[] {
  const { id, address, main, domain } = row
  // It is ordered, and will come as an event.
  if (address === undefined) return []
  const basics = { where, address, ...(main ? {} : { order: id }) }
  // Whether an empty name means that there is none or that nobody looked, reconciliation finds out.
  if (domain === '') return [basics]
  try {
    return [{ ...basics, ptr: normalizeHostname(domain) }]
  } catch (error) {
    if (!(error instanceof HostnameError)) throw error
    onUnusable({ where, message: `the PTR of ${address} is left out: ${error.message}` })
    return [basics]
  }
}
