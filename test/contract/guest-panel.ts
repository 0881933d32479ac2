import type { PanelFactory } from '../../src/panels/servers.ts'
import type { Fault } from '../../src/simulators/coremanager/faults.ts'
import type { GuestPanel } from '../../src/simulators/guests/start.ts'
import { openServer } from '../helpers/servers.ts'
import type { PanelFault, PanelRemote, PanelSubject } from './panel.ts'

/** What a fault is to a COREmanager panel. */
const troubles: Record<Exclude<PanelFault, 'stale'>, Fault> = {
  busy: { what: 'error', error: { type: 'lock', object: 'vm' } },
  'lost before': { what: 'drop' },
  'lost after': { what: 'drop', afterEffect: true },
  'says success': { what: 'says-ok' },
  'empty answer': { what: 'empty-body' },
  'garbage answer': { what: 'html' },
  silence: { what: 'slow', ms: 3_600_000 },
}

/** A simulated COREmanager panel as the subject of the contract. */
export function guestPanelSubject(
  panel: GuestPanel,
  factory: PanelFactory,
  options: Record<string, unknown> = {},
): PanelSubject {
  const server = openServer({ url: panel.url, options: { patienceSeconds: 0.1, ...options } })
  const shown = (guest: string) => panel.books.look(guest)?.addresses ?? []
  const remote: PanelRemote = {
    fail(fault, on, nth = 1) {
      if (fault === 'stale') throw new Error('these panels do not notice')
      panel.faults.add({ ...troubles[fault], submit: on === 'change', skip: nth - 1, times: 1 })
    },
    heal: panel.faults.clear,
    wrongPassword() {
      const password = 'wrong-canary-password'
      return { driver: factory({ ...server, password }), password }
    },
    unreachable: () => factory({ ...server, url: `http://127.0.0.1:1${new URL(panel.url).pathname}` }),
  }
  return {
    driver: factory(server),
    addGuest: async () => panel.books.add(`by-hand-${panel.books.guests().length + 1}`),
    removeGuest: async guest => void panel.books.remove(guest),
    guests: async () => panel.books.guests().map(({ id }) => id),
    addressesOf: async guest => shown(guest).map(({ ip }) => ip),
    ptrOf: async (guest, address) => shown(guest).find(({ ip }) => ip === address)?.ptr || undefined,
    remote,
    close: panel.stop,
  }
}
