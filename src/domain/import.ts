import { type Address, type Family, familyOf } from './address.ts'
import type { Hostname } from './hostname.ts'
import { licenceKind, mainSlot, orderSlot } from './service-state.ts'

/** A service that runs already, as another system knows it. */
export interface ImportedService {
  /** Where it stands, such as `line 12`. */
  where: string
  id: string
  kind: string
  client: string
  domain: Hostname
  server: string
  guest?: string
  addresses: ImportedAddress[]
}

export interface ImportedAddress {
  where: string
  address: Address
  /** null: it has none; undefined: nobody said, and reconciliation finds it out. */
  ptr?: Hostname | null
  /** The order that it came with, where it is not one of the service's own. */
  order?: string
}

/** A service as the ledger has it. */
export interface KnownService {
  id: string
  state: string
  kind: string | null
  client: string | null
  domain: string | null
  server: string | null
  guest: string | null
  assignments: { id: string; slot: string; family: number; address: Address | null; conflicts: number }[]
}

export interface ImportServer {
  name: string
  connectionId: string
  addressSpace: string
}

/** An assignment to be written, with all that the ledger keeps of it. */
export interface NewAssignment {
  id: string
  service: string
  slot: string
  family: Family
  address: Address
  space: string
  connection: string
  licence: boolean
  ptr: Hostname | null
  /** As `ptr_wish` of the ledger: null follows the domain, '' wants none. */
  wish: string | null
}

/** Something that is not as the other system says. Nothing of it is taken over. */
export interface ImportConflict {
  where: string
  service: string
  address: Address | null
  message: string
}

export interface ImportDecision {
  services: ImportedService[]
  assignments: NewAssignment[]
  unchanged: number
  conflicts: ImportConflict[]
}

/**
 * Decides what of some services is new to the ledger. What the ledger has stays as it is: where it says
 * otherwise, that is a conflict for a person to look at.
 * @param known.holders who has an address, by `space address`; licences do not count
 */
export function decideImport(
  services: readonly ImportedService[],
  known: {
    services: ReadonlyMap<string, KnownService>
    servers: ReadonlyMap<string, ImportServer>
    holders: ReadonlyMap<string, string>
  },
  newId: () => string,
): ImportDecision {
  const decision: ImportDecision = { services: [], assignments: [], unchanged: 0, conflicts: [] }
  const holders = new Map(known.holders)
  // A service that comes twice is known the second time.
  const met = new Map(known.services)
  for (const service of services) {
    const server = known.servers.get(service.server)
    const existing = met.get(service.id)
    const objection =
      server === undefined
        ? `there is no server ${service.server}`
        : existing && difference(existing, service)
    if (server === undefined || objection) {
      decision.conflicts.push({
        where: service.where,
        service: service.id,
        address: null,
        message: objection ?? '',
      })
      continue
    }
    const before = decision.assignments.length
    if (existing === undefined) decision.services.push(service)
    addAddresses(service, server, existing, { decision, holders, newId })
    const added = decision.assignments.slice(before)
    if (existing && added.length === 0) decision.unchanged += 1
    met.set(service.id, withAssignments(existing ?? knownAs(service), added))
  }
  return decision
}

interface Progress {
  decision: ImportDecision
  holders: Map<string, string>
  newId: () => string
}

function addAddresses(
  service: ImportedService,
  server: ImportServer,
  existing: KnownService | undefined,
  { decision, holders, newId }: Progress,
): void {
  const licence = service.kind === licenceKind
  const taken = new Set(existing?.assignments.map(({ slot, family }) => `${slot} ${family}`))
  const has = new Set(existing?.assignments.map(({ address }) => address))
  for (const { where, address, ptr, order } of service.addresses) {
    const key = `${server.addressSpace} ${address}`
    const holder = licence ? undefined : holders.get(key)
    if (has.has(address) || holder === service.id) continue
    if (holder !== undefined) {
      const message = `service ${holder} has ${address}`
      decision.conflicts.push({ where, service: service.id, address, message })
      continue
    }
    has.add(address)
    if (!licence) holders.set(key, service.id)
    const family = familyOf(address)
    const coming = existing?.assignments.find(own => own.address === null && own.family === family)
    if (coming !== undefined && !licence) {
      const message = `${coming.slot} of the service is about to get an address; import it again when it has`
      decision.conflicts.push({ where, service: service.id, address, message })
      continue
    }
    const slot = freeSlot(order, family, taken)
    taken.add(`${slot} ${family}`)
    decision.assignments.push({
      id: newId(),
      service: service.id,
      slot,
      family,
      address,
      space: server.addressSpace,
      connection: server.connectionId,
      licence,
      ptr: ptr ?? null,
      wish: ptr === undefined || ptr === service.domain ? null : (ptr ?? ''),
    })
  }
}

/** A service as the ledger is going to have it. */
export function knownAs({ id, kind, client, domain, server, guest }: ImportedService): KnownService {
  return { id, state: 'active', kind, client, domain, server, guest: guest ?? null, assignments: [] }
}

function withAssignments(service: KnownService, added: readonly NewAssignment[]): KnownService {
  return { ...service, assignments: [...service.assignments, ...added.map(a => ({ ...a, conflicts: 0 }))] }
}

function freeSlot(order: string | undefined, family: Family, taken: ReadonlySet<string>): string {
  for (let n = 1; ; n++) {
    const slot = order === undefined ? mainSlot(n) : orderSlot(order, n)
    if (!taken.has(`${slot} ${family}`)) return slot
  }
}

/** In which respect the ledger knows the service otherwise, if in any. */
function difference(existing: KnownService, service: ImportedService): string | undefined {
  if (existing.state !== 'active') return `the service is ${existing.state} here`
  const fields = ['kind', 'client', 'domain', 'server'] as const
  const different = fields.filter(field => existing[field] !== service[field])
  if (service.guest !== undefined && existing.guest !== null && existing.guest !== service.guest) {
    return `its guest is ${existing.guest} here, not ${service.guest}`
  }
  return different.length === 0
    ? undefined
    : different.map(field => `its ${field} is ${existing[field]} here, not ${service[field]}`).join('; ')
}
