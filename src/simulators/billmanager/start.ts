import { createAccounts } from '../coremanager/accounts.ts'
import { createFaults, type Faults } from '../coremanager/faults.ts'
import { levels, type PanelFunction } from '../coremanager/panel.ts'
import { seededRandom } from '../coremanager/random.ts'
import { serve } from '../coremanager/server.ts'
import { createShell } from '../coremanager/shell.ts'
import type { ListenOptions } from '../listen.ts'
import { addressFunctions } from './addresses.ts'
import { createBooks } from './books.ts'
import { deskFunctions } from './desk.ts'
import { createHooks, type HookRun } from './hooks.ts'
import { createModules } from './modules.ts'
import { serviceFunctions } from './services.ts'
import {
  type Behaviour,
  type BillmanagerUser,
  behaviourSchema,
  defaultBehaviour,
  exampleUsers,
  type Item,
  type ItemSeed,
  type Problem,
  type RunningOperation,
  type Slot,
  statuses,
  type Task,
} from './state.ts'

export interface BillmanagerOptions extends ListenOptions {
  /** The panel's own folder, where plugins are installed. Default: none. */
  folder?: string
  users?: BillmanagerUser[]
  behaviour?: Partial<Behaviour>
  seed?: number
  now?: () => number
}

export type Billmanager = Awaited<ReturnType<typeof startBillmanager>>

const mgr = 'billmgr'

/** Starts a BILLmanager on a socket of its own: of it, what has to do with addresses. */
export async function startBillmanager(options: BillmanagerOptions = {}) {
  const { folder, users = exampleUsers, seed = 1, now = Date.now } = options
  const behaviour: Behaviour = { ...defaultBehaviour, ...options.behaviour }
  const accounts = createAccounts(users)
  const faults = createFaults(seededRandom(seed))
  const books = createBooks(behaviour)
  const hooks = createHooks(folder)
  const functions = withHooks({
    ...serviceFunctions(books, behaviour),
    ...addressFunctions(books, behaviour),
    ...deskFunctions(books),
  })
  const modules = createModules({ books, invoke })
  const shell = createShell<BillmanagerUser>({ mgr, accounts, faults, rules: behaviour, now, functions })

  function withHooks(plain: Record<string, PanelFunction<BillmanagerUser>>) {
    return Object.fromEntries(
      Object.entries(plain).map(([func, { level, run }]): [string, PanelFunction<BillmanagerUser>] => [
        func,
        {
          level,
          run(call) {
            const outcome = run(call)
            hooks.after(call, outcome)
            return outcome
          },
        },
      ]),
    )
  }

  /** As a program of the panel does, which needs no password. @throws PanelError */
  function invoke(func: string, params: Record<string, string>): void {
    const called = functions[func]
    const account = accounts.all().find(({ level }) => level === levels.root)
    if (called === undefined || account === undefined) throw new Error(`nobody can call ${func}`)
    called.run({ func, params: new URLSearchParams(params), account, lang: 'en', listFault: undefined })
  }

  const control = {
    billing: {
      /** A client orders and pays; the panel begins to open the service. Gives its id. */
      order(seed: ItemSeed): string {
        const { id, type } = books.addItem(seed)
        invoke(`${type}.open`, { elid: id, sok: 'ok' })
        return id
      },
      /** Services that have been there for long, without an event; gives their ids. */
      fill: (seeds: ItemSeed[]): string[] => seeds.map(seed => books.addItem(seed, statuses.active).id),
      /** Calls a function as the panel's own programs do. */
      call: invoke,
      item: (id: string): Item | undefined => books.items.get(id),
      slots: (id: string): Slot[] => books.slotsOf(id).map(slot => ({ ...slot })),
      problems: (): Problem[] => [...books.problems],
    },
    modules: {
      work: modules.work,
      fail: modules.fail,
      operations: (): RunningOperation[] => [...books.operations.values()].map(one => ({ ...one })),
      tasks: (): Task[] => [...books.tasks],
    },
    hooks: { runs: (): HookRun[] => [...hooks.runs] },
    faults: {
      add: faults.add,
      remove: faults.remove,
      clear: faults.clear,
      list: faults.list,
    } satisfies Faults,
    panel: {
      behave(patch: Partial<Behaviour>): void {
        Object.assign(behaviour, behaviourSchema.partial().parse(patch))
      },
      traffic: shell.traffic.read,
    },
  }
  const server = await serve({ ...options, mgr, shell, control })
  return {
    ...control,
    url: server.url,
    controlUrl: `${server.origin}/simulator`,
    /** Remembers what the panel holds now. */
    remember: books.remember,
    stop: server.stop,
  }
}
