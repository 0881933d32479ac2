import { parseKey, printKey } from '../coremanager/addresses.ts'
import type { ListenOptions } from '../listen.ts'
import type { Memory } from '../remember.ts'
import { type Behaviour, behaviourSchema, defaultBehaviour } from './behaviour.ts'
import { createBooks } from './books.ts'
import { createFaults, type Fault } from './faults.ts'
import { serve } from './server.ts'
import { createTasks } from './tasks.ts'
import { type Account, createTokens } from './tokens.ts'

export interface Vmmanager6Options extends ListenOptions {
  behaviour?: Partial<Behaviour>
  /** Who may sign in. Default: `admin@example.net`. */
  accounts?: Account[]
}

/** A machine as the simulator's own books show it. */
export interface ShownHost {
  id: string
  name: string
  comment: string
  params: Record<string, unknown>
  addresses: { ip: string; ptr: string }[]
}

export type Vmmanager6 = Awaited<ReturnType<typeof startVmmanager6>>

/** Starts a VMmanager 6 on a socket of its own (the fact sheet, 5.5). */
export async function startVmmanager6(options: Vmmanager6Options = {}) {
  const behaviour: Behaviour = { ...defaultBehaviour, ...options.behaviour }
  const accounts = options.accounts ?? [{ email: 'admin@example.net', password: 'panel-password' }]
  const now = () => performance.now()
  const books = createBooks(behaviour)
  const tasks = createTasks(now, () => behaviour.taskMs)
  const tokens = createTokens(accounts, now, () => behaviour.tokenSeconds)
  const faults = createFaults()

  function show(id: number): ShownHost | undefined {
    tasks.settle()
    const host = books.hosts.get(id)
    if (host === undefined) return undefined
    const { name, comment, params, ips } = host
    const addresses = ips.map(({ key, domain }) => ({ ip: printKey(key), ptr: domain }))
    return { id: String(id), name, comment, params, addresses }
  }

  const control = {
    books: {
      hosts(): ShownHost[] {
        tasks.settle()
        return [...books.hosts.keys()].flatMap(id => show(id) ?? [])
      },
      look: (id: string): ShownHost | undefined => show(Number(id)),
      /** Makes a machine without addresses, as people do. @returns its id */
      add: (name: string): string => String(books.make(name).id),
      /** Deletes a machine, as people do. */
      remove: (id: string): boolean => books.hosts.delete(Number(id)),
      /** Puts an address on a machine behind everyone's back. */
      assign(id: string, ip: string): void {
        const key = parseKey(ip)
        if (key === undefined) throw new Error(`"${ip}" is not an address`)
        books.put(books.host(Number(id)), key, '')
      },
      tasks: tasks.all,
      /** Ends all tasks that are at work. */
      finishTasks: (): void => tasks.settle(true),
    },
    faults: { add: (fault: Fault): void => faults.add(fault), clear: faults.clear },
    panel: {
      behave(patch: Partial<Behaviour>): void {
        Object.assign(behaviour, behaviourSchema.partial().parse(patch))
      },
    },
  }
  const server = await serve({ ...options, panel: { behaviour, books, tasks }, tokens, faults, control })
  return {
    ...control,
    /** The panel's address, as a server wants it. */
    url: server.origin,
    /** Where the control is, over HTTP. */
    controlUrl: `${server.origin}/simulator`,
    /** Remembers what the panel holds now, with the tasks that are still at work. */
    remember(): Memory {
      const parts = [books.remember(), tasks.remember()]
      return { all: parts.map(part => part.all), recall: () => parts.forEach(part => void part.recall()) }
    },
    stop: server.stop,
  }
}
