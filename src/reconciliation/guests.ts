import pLimit from 'p-limit'
import type { LedgerGuests, ListedService } from '../db/ledger-guests.ts'
import type { Address } from '../domain/address.ts'
import {
  compareGuest,
  type GuestDifference,
  type GuestEntry,
  isLocal,
  type ServiceEntry,
  strayOn,
} from '../domain/guest-findings.ts'
import { asIpbridgeError } from '../errors.ts'
import type { PanelDriver, PanelGuest, PanelService } from '../panels/driver.ts'

export type Guests = ReturnType<typeof createGuests>

/** How many guests of one panel are looked at at the same time. */
const atOnce = 5
/** How many guests that belong to no service are looked up at once. */
const chunk = 500

/** Compares services with what their guests really have. */
export function createGuests(options: {
  ledger: LedgerGuests
  panel: (serverId: string) => Promise<PanelDriver>
}) {
  const { ledger, panel } = options

  /**
   * All differences on the servers of a connection. Memory is bounded by what one panel lists.
   * @param onAway called for a server that cannot be looked at; the others are all the same
   */
  async function* list(
    connectionId: string,
    onAway: (remark: string) => void,
    signal: AbortSignal,
  ): AsyncGenerator<GuestDifference[]> {
    for (const server of await ledger.servers(connectionId)) {
      signal.throwIfAborted()
      try {
        const driver = await panel(server.id)
        if (driver.automatic) yield* listServer(connectionId, server, driver, signal)
      } catch (error) {
        signal.throwIfAborted()
        const { code, message } = asIpbridgeError(error)
        onAway(`the guests of ${server.name} could not be looked at: ${code}: ${message}`)
      }
    }
  }

  async function* listServer(
    connectionId: string,
    server: { id: string; name: string },
    driver: PanelDriver,
    signal: AbortSignal,
  ): AsyncGenerator<GuestDifference[]> {
    const listed = driver.guests ? await index(driver.guests(signal)) : undefined
    for await (const services of ledger.servicesOn(server.id, listed !== undefined)) {
      const known = new Map(services.map(({ entry }) => [entry.id, listed?.take(entry)]))
      const suspects = listed
        ? services.filter(({ entry }) => compareGuest(server.name, entry, known.get(entry.id)).length > 0)
        : services
      if (suspects.length > 0) yield lookAgain(server, driver, suspects, known, signal)
    }
    for await (const guests of listed?.unclaimed() ?? []) {
      yield straysOf(connectionId, server.name, driver, guests, signal)
    }
  }

  /**
   * As with records of an IPAM: the ledger is asked before the panel and after it, and must have stood still.
   * @param known the guests of services that the ledger knows none of
   */
  async function lookAgain(
    server: { id: string; name: string },
    driver: PanelDriver,
    suspects: ListedService[],
    known: ReadonlyMap<string, GuestEntry | undefined>,
    signal: AbortSignal,
  ): Promise<GuestDifference[]> {
    const guestOf = ({ id, guest }: ServiceEntry) => guest ?? known.get(id)?.guest
    const ids = suspects.map(({ entry }) => entry.id)
    const before = await ledger.services(server.id, ids)
    const still = [...before.values()].filter(({ busy }) => !busy)
    const has = await Promise.all(
      still.map(({ service, entry }) => look(driver, { ...service, guest: guestOf(entry) }, signal)),
    )
    const after = await ledger.services(server.id, ids)
    return still.flatMap(({ entry, work }, index) => {
      const now = after.get(entry.id)
      if (now === undefined || now.busy || now.work !== work) return []
      const addresses = has[index]
      const guest = addresses && { guest: guestOf(now.entry) ?? entry.id, addresses }
      // A service that never had a guest, nor needs one, has nothing to compare.
      return compareGuest(server.name, now.entry, guest)
    })
  }

  const limit = pLimit(atOnce)
  const look = (driver: PanelDriver, service: PanelService, signal: AbortSignal) =>
    limit(async () => {
      signal.throwIfAborted()
      return driver.addresses(service, signal)
    })

  /** Guests that belong to no service of their server are others' business, unless they have addresses of ours. */
  async function straysOf(
    connectionId: string,
    server: string,
    driver: PanelDriver,
    guests: PanelGuest[],
    signal: AbortSignal,
  ): Promise<GuestDifference[]> {
    const addresses = guests.flatMap(guest => guest.addresses).filter(address => !isLocal(address))
    const found: GuestDifference[] = []
    for (const { guest, address } of await claimedBy(connectionId, guests, addresses)) {
      const has = await look(driver, nobodys(guest), signal)
      const [still] = await claimedBy(connectionId, [{ guest, addresses: [address] }], [address])
      if (has?.includes(address) && still) found.push(strayOn(server, guest, address, undefined))
    }
    return found
  }

  /** The addresses of guests that a service has, which has another guest. */
  async function claimedBy(connectionId: string, guests: PanelGuest[], addresses: Address[]) {
    const tenants = await ledger.tenants(connectionId, addresses)
    return guests.flatMap(({ guest, addresses }) =>
      addresses
        // One panel may be entered as several servers, and then lists the guests of all of them.
        .filter(address => ![undefined, null, guest].includes(tenants.get(address)?.guest))
        .map(address => ({ guest, address })),
    )
  }

  return {
    list,

    /** What some services of a server differ in now. */
    async again(serverName: string, connectionId: string, services: string[], signal: AbortSignal) {
      const server = (await ledger.servers(connectionId)).find(({ name }) => name === serverName)
      if (server === undefined) return []
      const suspects = [...(await ledger.services(server.id, services)).values()]
      const driver = await panel(server.id)
      const isAnyNameless = suspects.some(({ entry }) => entry.guest === undefined)
      const listed = isAnyNameless && driver.guests ? await index(driver.guests(signal)) : undefined
      const known = new Map(suspects.map(({ entry }) => [entry.id, listed?.take(entry)]))
      return lookAgain(server, driver, suspects, known, signal)
    },
  }
}

/**
 * Finds the guest of a service by its id, else by the service that the panel shows, else (where the service was taken
 * over from elsewhere) by an address of its; tells which are left over.
 */
async function index(guests: AsyncIterable<PanelGuest>) {
  const byGuest = new Map<string, PanelGuest>()
  const byService = new Map<string, string>()
  const byAddress = new Map<Address, string>()
  const taken = new Set<string>()
  for await (const guest of guests) {
    byGuest.set(guest.guest, guest)
    if (guest.service !== undefined) byService.set(guest.service, guest.guest)
    else for (const address of guest.addresses) byAddress.set(address, guest.guest)
  }
  return {
    take({ id, guest, addresses }: ServiceEntry): GuestEntry | undefined {
      const withAddress = () => addresses.map(({ address }) => byAddress.get(address)).find(Boolean)
      const found = byGuest.get(guest ?? byService.get(id) ?? withAddress() ?? '')
      if (found) taken.add(found.guest)
      return found
    },
    async *unclaimed(): AsyncGenerator<PanelGuest[]> {
      const rest = [...byGuest.values()].filter(({ guest }) => !taken.has(guest))
      for (let start = 0; start < rest.length; start += chunk) yield rest.slice(start, start + chunk)
    },
  }
}

/** How a panel is asked about a guest that belongs to no service. */
function nobodys(guest: string): PanelService {
  return { id: '', kind: '', client: '', domain: '', guest, setup: {} }
}
