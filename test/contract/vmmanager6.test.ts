import { vmmanager6 } from '../../src/panels/vmmanager6/driver.ts'
import type { Fault } from '../../src/simulators/vmmanager6/faults.ts'
import { startVmmanager6 } from '../../src/simulators/vmmanager6/start.ts'
import { openServer } from '../helpers/servers.ts'
import { type PanelFault, type PanelSubject, panelContract } from './panel.ts'

const troubles: Record<Exclude<PanelFault, 'stale'>, Fault> = {
  busy: { what: 'status', status: 503 },
  'lost before': { what: 'drop' },
  'lost after': { what: 'drop', afterEffect: true },
  'says success': { what: 'says-ok' },
  'empty answer': { what: 'empty-body' },
  'garbage answer': { what: 'html' },
  silence: { what: 'silence' },
}

async function make(): Promise<PanelSubject> {
  const panel = await startVmmanager6()
  const server = openServer({
    url: panel.url,
    login: 'admin@example.net',
    options: { patienceSeconds: 0.2 },
  })
  const shown = (guest: string) => panel.books.look(guest)?.addresses ?? []
  return {
    driver: vmmanager6(server),
    addGuest: async () => panel.books.add('by-hand'),
    removeGuest: async guest => void panel.books.remove(guest),
    guests: async () => panel.books.hosts().map(({ id }) => id),
    addressesOf: async guest => shown(guest).map(({ ip }) => ip),
    ptrOf: async (guest, address) => shown(guest).find(({ ip }) => ip === address)?.ptr || undefined,
    remote: {
      fail(fault, on, nth = 1) {
        if (fault === 'stale') throw new Error('this panel does not notice')
        panel.faults.add({ ...troubles[fault], on, skip: nth - 1, times: 1 })
      },
      heal: panel.faults.clear,
      wrongPassword() {
        const password = 'wrong-canary-password'
        return { driver: vmmanager6({ ...server, password }), password }
      },
      unreachable: () => vmmanager6({ ...server, url: 'http://127.0.0.1:1' }),
    },
    close: panel.stop,
  }
}

panelContract({
  name: 'vmmanager6',
  abilities: { setsUp: true, ptr: true, guests: true },
  applied: 'now',
  network: true,
  setup: { cluster: 1, os: 12, account: 3, password: 'guest-password' },
  make,
})
