import { createAccounts, userFunctions } from '../coremanager/accounts.ts'
import { parseKey, printKey } from '../coremanager/addresses.ts'
import { createFaults, type Faults } from '../coremanager/faults.ts'
import { type Account, levels } from '../coremanager/panel.ts'
import { seededRandom } from '../coremanager/random.ts'
import { serve } from '../coremanager/server.ts'
import { createShell } from '../coremanager/shell.ts'
import type { ListenOptions } from '../listen.ts'
import type { Memory } from '../remember.ts'
import { addressFunctions } from './address-functions.ts'
import { type Behaviour, behaviourSchema, defaultBehaviour } from './behaviour.ts'
import { createBooks } from './books.ts'
import { guestFunctions } from './guest-functions.ts'
import type { Product } from './product.ts'

export interface GuestPanelOptions extends ListenOptions {
  behaviour?: Partial<Behaviour>
  /** Who may sign in. Default: an administrator and a user. */
  accounts?: Account[]
  /** Repeats the chances of faults. Default: 1. */
  seed?: number
}

/** A guest as the simulator's own books show it. */
export interface ShownGuest {
  id: string
  name: string
  params: Record<string, string>
  addresses: { ip: string; ptr: string; iptype: string }[]
}

export interface GuestPanel {
  /** The panel's address, as a server wants it. */
  url: string
  /** Where the control is, over HTTP. */
  controlUrl: string
  books: {
    guests(): ShownGuest[]
    look(id: string): ShownGuest | undefined
    /** Makes a guest without addresses, as people do. @returns its id */
    add(name: string): string
    /** Deletes a guest, as people do. */
    remove(id: string): boolean
    /** Puts an address on a guest behind everyone's back. */
    assign(id: string, ip: string): void
  }
  faults: Faults
  behave(patch: Partial<Behaviour>): void
  /** Remembers what the panel holds now. */
  remember(): Memory
  stop(): Promise<void>
}

export const exampleAccounts: Account[] = [
  { name: 'admin', password: 'panel-password', level: levels.admin },
  { name: 'client', password: 'client-password', level: levels.user },
]

/** Starts a panel that runs guests, on a socket of its own. */
export async function startGuestPanel(
  product: Product,
  options: GuestPanelOptions & { defaults?: Partial<Behaviour> } = {},
): Promise<GuestPanel> {
  const behaviour: Behaviour = { ...defaultBehaviour, ...options.defaults, ...options.behaviour }
  const books = createBooks(behaviour)
  const accounts = createAccounts(options.accounts ?? exampleAccounts)
  const faults = createFaults(seededRandom(options.seed ?? 1))
  const panel = { product, books, behaviour }
  const shell = createShell<Account>({
    mgr: product.mgr,
    accounts,
    faults,
    rules: behaviour,
    now: Date.now,
    functions: {
      ...userFunctions<Account>(accounts, {}),
      ...guestFunctions(panel),
      ...addressFunctions(panel),
    },
  })

  function guest(id: string) {
    const found = books.guests.get(id)
    if (found) return found
    throw new Error(`there is no guest ${id}`)
  }

  function show(id: string): ShownGuest | undefined {
    const found = books.guests.get(id)
    if (found === undefined) return undefined
    const addresses = found.addresses.map(({ key, ptr, iptype }) => ({ ip: printKey(key), ptr, iptype }))
    return { id, name: found.name, params: found.params, addresses }
  }

  const control = {
    books: {
      guests: () => [...books.guests.keys()].flatMap(id => show(id) ?? []),
      look: show,
      add: (name: string) => books.make(name).id,
      remove: (id: string) => books.guests.delete(id),
      assign(id: string, ip: string): void {
        const key = parseKey(ip)
        if (key === undefined) throw new Error(`"${ip}" is not an address`)
        books.put(guest(id), key)
      },
    },
    faults: { add: faults.add, remove: faults.remove, clear: faults.clear, list: faults.list },
    panel: {
      behave(patch: Partial<Behaviour>): void {
        Object.assign(behaviour, behaviourSchema.partial().parse(patch))
      },
    },
  }
  const server = await serve({ ...options, mgr: product.mgr, shell, control })
  return {
    url: server.url,
    controlUrl: `${server.origin}/simulator`,
    books: control.books,
    faults: control.faults,
    behave: control.panel.behave,
    remember: books.remember,
    stop: server.stop,
  }
}
