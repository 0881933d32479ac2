import type { PanelDriver } from '../../src/panels/driver.ts'
import { memoryPanel } from '../../src/panels/memory.ts'
import { noPanel } from '../../src/panels/none.ts'
import type { PanelFactory } from '../../src/panels/servers.ts'
import { rememberMap } from '../../src/simulators/remember.ts'
import type { SubjectPanel } from '../stories/subject.ts'
import { subjects } from '../stories/subjects.ts'
import { type Calls, told } from './told.ts'
import type { Watch } from './watch.ts'

/** A kind of servers that workers die on. */
export interface PanelSubject {
  name: string
  start(watch: Watch): Promise<PanelRig>
}

/** One server's panel. */
export type PanelRig = Omit<SubjectPanel, 'failNext'>

const calls: Calls = {
  addresses: 'reads',
  guests: 'reads',
  check: 'reads',
  configure: 'changes',
  unassign: 'changes',
  setPtr: 'changes',
}

export const none: PanelSubject = {
  name: 'no panel',
  async start() {
    return {
      factory: noPanel,
      server: { panel: 'none' },
      setup: {},
      guests: async () => [],
      remember: () => ({ all: null, recall: () => {} }),
      stop: async () => {},
    }
  },
}

export const memory: PanelSubject = {
  name: 'the memory panel',
  async start(watch) {
    const panel = memoryPanel()
    const factory: PanelFactory = () => told<PanelDriver>(watch, 'panel', panel, calls)
    return {
      factory,
      server: { panel: 'memory' },
      setup: {},
      guests: async () =>
        [...panel.books].map(([id, { addresses }]) => ({ id, addresses: [...addresses.keys()] })),
      ptrOf: async (guest, address) => panel.books.get(guest)?.addresses.get(address),
      remember: () => rememberMap(panel.books),
      stop: async () => {},
    }
  },
}

/** Those panels of which the name begins so, on their simulators, over HTTP. */
export const simulated = (begin: string): PanelSubject[] =>
  subjects
    .filter(({ name }) => name.startsWith(begin))
    .map(({ name, start }) => ({ name, start: () => start({ atOnce: true }) }))
