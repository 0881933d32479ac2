import { type Db, isUniqueViolation } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import type { Imports } from '../db/imports.ts'
import {
  decideImport,
  type ImportConflict,
  type ImportDecision,
  type ImportedService,
  type ImportServer,
  type KnownService,
  knownAs,
} from '../domain/import.ts'
import { markerOf } from '../domain/marker.ts'
import { licenceKind } from '../domain/service-state.ts'
import type { IpamConnections } from '../ipam/connections.ts'
import type { AdoptedRecord } from '../ipam/driver.ts'
import { type Actor, audit } from './actor.ts'

/** How far an import has come. */
export interface ImportCounts {
  services: number
  /** Written now; of a dry run: would be written. */
  newServices: number
  newAddresses: number
  unchanged: number
  conflicts: number
}

export interface ImportOptions {
  dryRun: boolean
  signal: AbortSignal
  /** Called after every batch. */
  onProgress?: (counts: ImportCounts) => void
  /** Called for everything that was not taken over, and why. */
  onConflict?: (conflict: ImportConflict) => void
}

const batchSize = 500
const mostTries = 3

/**
 * Takes over services and addresses that exist already, from another system.
 *
 * What the ledger has stays as it is, so that an import may be repeated and one that was interrupted is simply
 * started again. The ledger is written first: an address that did not get into the IPAM's books is a `missing`
 * for reconciliation.
 */
export function importDesk(options: { db: Db; imports: Imports; ipams: IpamConnections }) {
  const { db, imports, ipams } = options

  async function look(services: ImportedService[]): Promise<Known> {
    const [known, servers, holders] = await Promise.all([
      imports.services(services.map(service => service.id)),
      imports.servers(),
      imports.holders(services.flatMap(service => service.addresses.map(({ address }) => address))),
    ])
    return { services: known, servers, holders }
  }

  /** Somebody may take an address or add a service between our look and our writing: then we look again. */
  async function take(services: ImportedService[], signal: AbortSignal): Promise<ImportDecision> {
    for (let tries = 1; ; tries++) {
      const known = await look(services)
      const decision = decideImport(services, known, newId)
      try {
        await imports.save(decision, { t: Date.now(), s: 'ipbridge:import' })
        await enterIntoBooks(services, decision, known, signal)
        return decision
      } catch (error) {
        if (!isUniqueViolation(error) || tries === mostTries) throw error
      }
    }
  }

  /** IPAMs that can be told which addresses are in use are told; also of what an interrupted import left out. */
  async function enterIntoBooks(
    services: ImportedService[],
    { assignments }: ImportDecision,
    known: Known,
    signal: AbortSignal,
  ): Promise<void> {
    const books = new Map<string, AdoptedRecord[]>()
    const enter = (connection: string, record: AdoptedRecord) => {
      const records = books.get(connection)
      if (records) records.push(record)
      else books.set(connection, [record])
    }
    for (const { id, service, slot, address, ptr, connection, licence } of assignments) {
      const marker = markerOf({ id, conflicts: 0 })
      if (!licence) enter(connection, { address, marker, owner: `${service} ${slot}`, ptr })
    }
    for (const { id, server, kind, addresses } of services) {
      const connection = known.servers.get(server)?.connectionId
      if (connection === undefined || kind === licenceKind) continue
      for (const assignment of known.services.get(id)?.assignments ?? []) {
        const named = addresses.find(({ address }) => address === assignment.address)
        if (named === undefined) continue
        const owner = `${id} ${assignment.slot}`
        enter(connection, {
          address: named.address,
          marker: markerOf(assignment),
          owner,
          ptr: named.ptr ?? null,
        })
      }
    }
    for (const [connection, records] of books) {
      const driver = await ipams.driver(connection)
      await driver.adopt?.(records, signal)
    }
  }

  /** What a batch would change; what earlier batches would have changed counts as there. */
  async function pretend(services: ImportedService[], imagined: Imagined): Promise<ImportDecision> {
    const known = await look(services)
    const merged = {
      ...known,
      services: new Map([...imagined.services, ...known.services]),
      holders: new Map([...imagined.holders, ...known.holders]),
    }
    const decision = decideImport(services, merged, newId)
    for (const service of decision.services) imagined.services.set(service.id, knownAs(service))
    for (const { space, address, service, licence } of decision.assignments) {
      if (!licence) imagined.holders.set(`${space} ${address}`, service)
    }
    return decision
  }

  return {
    async run(
      actor: Actor,
      services: AsyncIterable<ImportedService>,
      options: ImportOptions,
    ): Promise<ImportCounts> {
      const { dryRun, signal, onProgress, onConflict } = options
      const counts: ImportCounts = {
        services: 0,
        newServices: 0,
        newAddresses: 0,
        unchanged: 0,
        conflicts: 0,
      }
      const record = (action: string) =>
        dryRun
          ? undefined
          : db.$transaction(tx => audit(tx, actor, { action, subject: 'import', change: { ...counts } }))
      const imagined: Imagined = { services: new Map(), holders: new Map() }
      await record('import.start')
      for await (const batch of inBatches(services)) {
        signal.throwIfAborted()
        const decision = dryRun ? await pretend(batch, imagined) : await take(batch, signal)
        counts.services += batch.length
        counts.newServices += decision.services.length
        counts.newAddresses += decision.assignments.length
        counts.unchanged += decision.unchanged
        counts.conflicts += decision.conflicts.length
        for (const conflict of decision.conflicts) onConflict?.(conflict)
        onProgress?.({ ...counts })
      }
      await record('import.end')
      return counts
    },
  }
}

interface Known {
  services: ReadonlyMap<string, KnownService>
  servers: ReadonlyMap<string, ImportServer>
  holders: ReadonlyMap<string, string>
}

/** What a dry run would have written so far. */
interface Imagined {
  services: Map<string, KnownService>
  holders: Map<string, string>
}

async function* inBatches(services: AsyncIterable<ImportedService>): AsyncGenerator<ImportedService[]> {
  let batch: ImportedService[] = []
  for await (const service of services) {
    batch.push(service)
    if (batch.length < batchSize) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
