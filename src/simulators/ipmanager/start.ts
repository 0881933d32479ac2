import { createAccounts, userFunctions } from '../coremanager/accounts.ts'
import { createFaults } from '../coremanager/faults.ts'
import { levels } from '../coremanager/panel.ts'
import { seededRandom } from '../coremanager/random.ts'
import { serve } from '../coremanager/server.ts'
import { createShell, type ShellRequest } from '../coremanager/shell.ts'
import type { ListenOptions } from '../listen.ts'
import type { Memory } from '../remember.ts'
import { type Behaviour, defaultBehaviour } from './behaviour.ts'
import { createBooks } from './books.ts'
import { createControl, type IpmanagerControl } from './control.ts'
import { ipmanagerFunctions } from './functions.ts'
import { exampleState, type IpmanagerState, type IpmanagerUser } from './state.ts'

export interface IpmanagerOptions extends ListenOptions {
  /** What is there at the beginning. What is left out comes from the example. */
  state?: Partial<IpmanagerState>
  /** How the panel behaves; beside what the state says. */
  behaviour?: Partial<Behaviour>
  /** Called when a request has been answered: the state may have changed. */
  onAnswered?: () => void
  /** Repeats the chances of faults. Default: 1. */
  seed?: number
  /** Milliseconds since 1970. Default: the clock. */
  now?: () => number
}

export interface Ipmanager extends IpmanagerControl {
  /** The panel's address, as a connection wants it. */
  url: string
  /** Where the control is, over HTTP. */
  controlUrl: string
  /** All that the panel holds now, as JSON to begin with again. */
  state(): IpmanagerState
  /** Remembers what the panel holds now. */
  remember(): Memory
  stop(): Promise<void>
}

/** The name of the panel, and so its path. */
const mgr = 'ipmgr'

/** Starts an IPmanager 5 on a socket of its own. */
export async function startIpmanager(options: IpmanagerOptions = {}): Promise<Ipmanager> {
  const { now = Date.now, seed = 1 } = options
  const state: IpmanagerState = { ...exampleState, ...options.state }
  const behaviour: Behaviour = { ...defaultBehaviour, ...state.behaviour, ...options.behaviour }
  const books = createBooks(state, behaviour, now)
  const accounts = createAccounts(state.users)
  const faults = createFaults(seededRandom(seed))
  const panel = { books, behaviour, state, savedFilters: new Map<string, URLSearchParams>() }
  const shell = createShell<IpmanagerUser>({
    mgr,
    accounts,
    faults,
    rules: behaviour,
    now,
    functions: {
      ...userFunctions<IpmanagerUser>(accounts, { rights: [], hidden: [] }),
      ...ipmanagerFunctions(panel, () => accounts.all().filter(user => user.level === levels.user)),
    },
  })
  const control = createControl({ books, faults, behaviour, accounts, shell })
  const handle = (request: ShellRequest, signal: AbortSignal) => {
    books.settle()
    return shell.handle(request, signal)
  }
  const server = await serve({ ...options, mgr, shell: { handle }, control })
  return {
    ...control,
    url: server.url,
    controlUrl: `${server.origin}/simulator`,
    state: () => ({
      networks: state.networks,
      groups: state.groups,
      users: accounts.all(),
      ...books.stored(),
      behaviour,
      history: books.history.read(),
    }),
    remember() {
      const before = books.remember()
      const filters = [...panel.savedFilters]
      return {
        all: [before.all, filters.map(([user, params]) => [user, `${params}`])],
        recall() {
          before.recall()
          panel.savedFilters.clear()
          for (const [user, params] of filters) panel.savedFilters.set(user, params)
        },
      }
    },
    stop: server.stop,
  }
}
