import type { Accounts } from '../coremanager/accounts.ts'
import { type Key, parseKey, printKey } from '../coremanager/addresses.ts'
import type { Faults } from '../coremanager/faults.ts'
import type { Shell } from '../coremanager/shell.ts'
import { type Behaviour, behaviourSchema } from './behaviour.ts'
import { type Books, blank } from './books.ts'
import { storedDomain } from './domain-name.ts'
import type { HistoryEntry } from './history.ts'
import type { AddressRecord, ShownRecord } from './record.ts'
import {
  type AddressSeed,
  type Fill,
  fillSchema,
  type IpmanagerUser,
  seedSchema,
  type UserSeed,
  userSchema,
} from './state.ts'

export interface ControlParts {
  books: Books
  faults: Faults
  behaviour: Behaviour
  accounts: Accounts<IpmanagerUser>
  shell: Pick<Shell, 'sessions' | 'traffic'>
}

/**
 * What tests and other processes can see and do, past the panel's own interface. Arguments and results are JSON;
 * the same functions are there over HTTP (`/simulator`).
 */
export function createControl({ books, faults, behaviour, accounts, shell }: ControlParts) {
  const { table, history } = books

  function keyOf(ip: string): Key {
    const key = parseKey(ip)
    if (key === undefined) throw new Error(`"${ip}" is not an address`)
    return key
  }

  const drifting = (ip: string, patch: Partial<AddressRecord>): void =>
    books.change(keyOf(ip), patch, 'drift')

  return {
    /** The simulator's own books. */
    books: {
      /** Everything that is held by somebody: all of it, or what has the given owner, group or status. */
      held({ owner, iptype }: { owner?: string; iptype?: string } = {}): ShownRecord[] {
        const wanted = (record: AddressRecord) =>
          record.status === 'used' &&
          (owner === undefined || record.owner === owner) &&
          (iptype === undefined || record.iptype === iptype)
        return Array.from(table.rows(wanted), books.show)
      },
      /** What an address is at; undefined while it is free. */
      look(ip: string): ShownRecord | undefined {
        books.settle()
        const record = table.get(keyOf(ip))
        return record && { ip: printKey(keyOf(ip)), ...record }
      },
      /** How many addresses have a record, by status. */
      counts(): Record<AddressRecord['status'], number> {
        books.settle()
        const of = (status: AddressRecord['status']) => table.count(record => record.status === status)
        return { used: of('used'), checking: of('checking'), blocked: of('blocked'), 'in-use': of('in-use') }
      },
      /** Everything that ever changed, oldest first: after an entry's number, at most so many. */
      history: (after?: number, limit?: number): HistoryEntry[] => history.read(after, limit),
      /** Lays down many addresses at once; gives how many. */
      fill: (fill: Fill): number => books.fill(fillSchema.parse(fill)),
    },

    faults: {
      add: faults.add,
      remove: faults.remove,
      clear: faults.clear,
      list: faults.list,
    } satisfies Faults,

    /** What happens behind everyone's back. */
    drift: {
      /** An address is taken by hand. */
      grant(ip: string, record: Omit<AddressSeed, 'ip'>): void {
        const { ip: _, ...seed } = seedSchema.parse({ ip, ...record })
        if (table.get(keyOf(ip))) throw new Error(`${ip} is not free`)
        books.put(keyOf(ip), { ...blank, ...seed }, 'drift')
      },
      /** An address is freed by hand. */
      release: (ip: string): void => books.release(keyOf(ip), 'drift'),
      /** The PTR is changed by hand, in the panel or in its zone file. */
      rename: (ip: string, domain: string): void => drifting(ip, { domain: storedDomain(domain) }),
      /** The panel puts a deleted PTR back, as it does with what is deleted from its zone files. */
      restorePtr(ip: string): string {
        const domain = history.last(printKey(keyOf(ip)), entry => entry.domain !== '')?.domain
        if (domain === undefined) throw new Error(`${ip} never had a PTR`)
        drifting(ip, { domain })
        return domain
      },
      note: (ip: string, note: string): void => drifting(ip, { note }),
      owner: (ip: string, owner: string): void => drifting(ip, { owner }),
      group: (ip: string, iptype: string): void => drifting(ip, { iptype }),
      status: (ip: string, status: AddressRecord['status']): void => drifting(ip, { status }),
      protect: (ip: string, protect: boolean): void => drifting(ip, { protect }),
      /** The hourly check of released addresses takes place now. */
      finishChecks: (): void => books.settle(true),
    },

    users: {
      /** Makes an account, or replaces the one of that name. */
      put: (user: UserSeed): void => accounts.put(userSchema.parse(user)),
      remove: (name: string): boolean => accounts.remove(name),
      setPassword(name: string, password: string): void {
        const user = accounts.find(name)
        if (!user) throw new Error(`there is no user ${name}`)
        accounts.put({ ...user, password })
      },
      /** Ends all sessions, or one user's; gives how many. */
      expireSessions: (name?: string): number => shell.sessions.expire(name),
    },

    panel: {
      /** Changes how the panel behaves, from now on. */
      behave(patch: Partial<Behaviour>): void {
        Object.assign(behaviour, behaviourSchema.partial().parse(patch))
      },
      behaviour: (): Behaviour => ({ ...behaviour }),
      /** The requests so far, by function, and the most at once. */
      traffic: shell.traffic.read,
      resetTraffic: shell.traffic.reset,
    },
  }
}

export type IpmanagerControl = ReturnType<typeof createControl>
